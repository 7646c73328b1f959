//! Beside writers, and beside another compactor.

use super::*;

/// Puts a file with one late trade into the first hour, as a writer does between any two changes.
fn late(watched: &Watched, number: u64) {
    let checkpoint = Checkpoint {
        next: i64::try_from(1_000 + number).unwrap(),
        ..Checkpoint::default()
    };
    let closed = batch(checkpoint, 5, &[("LTCUSDT", number, 0)]);
    for file in closed.files {
        watched
            .inner
            .files()
            .insert(closed.id.path(file.hour), file.bytes);
    }
    *watched
        .expected
        .lock()
        .unwrap()
        .entry(("LTCUSDT".to_owned(), i64::try_from(number).unwrap()))
        .or_default() += 1;
}

#[tokio::test]
async fn what_writers_add_meanwhile_and_later_is_kept_and_merged_by_the_next_run() {
    let whole = Watched::new(&archive().await, NEVER, Stop::After);
    compact(&whole, "a").await.unwrap();
    for at in 0..whole.changes() {
        let store = archive().await;
        let watched = Watched::new(&store, NEVER, Stop::After);
        for number in 0..4 {
            let after = at + usize::try_from(number).unwrap();
            watched.after(after, move |watched| late(watched, number));
        }
        assert!(compact(&watched, "a").await.unwrap().failed.is_empty());
        let again = Watched::new(&store, NEVER, Stop::After);
        compact(&again, "b").await.unwrap();
        let late = paths(&store)
            .iter()
            .filter(|path| path.contains("part-5-"))
            .count();
        assert!(late <= 2, "all but the two newest batches are merged");
        assert_eq!(
            paths(&store)
                .iter()
                .filter(|path| path.contains("hour=00/compacted"))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn a_compactor_that_is_overtaken_at_any_change_harms_nothing() {
    let whole = Watched::new(&archive().await, NEVER, Stop::After);
    compact(&whole, "a").await.unwrap();
    for at in 0..whole.changes() {
        let store = archive().await;
        let watched = Watched::new(&store, NEVER, Stop::After);
        // Another compactor begins and ends between two changes of this one.
        let overtake = move |watched: &Watched| {
            let inner = Watched::new(&watched.inner, NEVER, Stop::After);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            std::thread::scope(|scope| {
                scope.spawn(move || runtime.block_on(compact(&inner, "z")).unwrap());
            });
        };
        watched.after(at, overtake);
        // It may fail, having lost its files; what matters is what readers see.
        let _ = compact(&watched, "a").await;
        assert_compacted_or_stray(&store);
        compact(&Watched::new(&store, NEVER, Stop::After), "last")
            .await
            .unwrap();
        assert_compacted(&store);
    }
}

fn assert_compacted_or_stray(store: &MemoryStore) {
    let expected: usize = rows(store).values().sum();
    assert_eq!(expected, 12);
}

#[tokio::test]
async fn of_two_that_begin_together_the_later_stays() {
    let store = archive().await;
    let now = SystemTime::now();
    let earlier = Compactor::new(store.clone(), "a", now);
    // The other's folder comes after this one has deleted what was there.
    let watched = Watched::new(&store, NEVER, Stop::After);
    let come = |watched: &Watched| {
        watched
            .inner
            .files()
            .insert(format!("{FOLDER}/99999999999999999-z/run"), Bytes::new());
    };
    watched.after(0, come);
    let earlier = Compactor {
        store: watched,
        run: earlier.run,
        number: 0,
        report: Report::default(),
    };
    assert_eq!(
        earlier.run(now).await.unwrap_err().reason(),
        "CompactionSuperseded"
    );
}

#[tokio::test]
async fn a_writer_goes_on_from_where_it_was() {
    let store = archive().await;
    let mut before = Vec::new();
    for partition in 0..2 {
        let listing = Listing::of(&*store).await.unwrap();
        before.push(recover(&*store, &listing, partition).await.unwrap());
    }
    compact(&store, "a").await.unwrap();
    let listing = Listing::of(&*store).await.unwrap();
    for (partition, before) in (0..2).zip(before) {
        assert_eq!(recover(&*store, &listing, partition).await.unwrap(), before);
    }
    // Also one whose newest batch lacks a file, which is made from what the one before has seen.
    publish(&*store, 0, &[("BTCUSDT", 30, 0), ("BTCUSDT", 31, 1)]).await;
    let newest = paths(&store)
        .into_iter()
        .rfind(|path| path.contains("hour=01/part-0"))
        .unwrap();
    store.files().remove(&newest);
    let listing = Listing::of(&*store).await.unwrap();
    let incomplete = recover(&*store, &listing, 0).await.unwrap();
    assert!(incomplete.incomplete.is_some());
    compact(&store, "b").await.unwrap();
    let listing = Listing::of(&*store).await.unwrap();
    assert_eq!(recover(&*store, &listing, 0).await.unwrap(), incomplete);
}
