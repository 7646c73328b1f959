//! What a run makes of an archive that nothing disturbs.

use super::*;

#[tokio::test]
async fn a_closed_day_becomes_one_sorted_file_an_hour_and_then_stays_as_it_is() {
    let store = archive().await;
    let watched = Watched::new(&store, NEVER, Stop::After);
    let report = compact(&watched, "a").await.unwrap();
    assert_compacted(&store);
    assert_eq!(
        (report.hours, report.merged, report.made, report.rows),
        (2, 5, 2, 8)
    );
    assert!(report.failed.is_empty());

    let before = store.files().clone();
    let again = compact(&store, "b").await.unwrap();
    assert_eq!((again.merged, again.made), (0, 0));
    assert_eq!(*store.files(), before);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_merged_and_changes_nothing() {
    let store = archive().await;
    let before = store.files().clone();
    let now = SystemTime::now();
    let watched = Watched::new(&store, 0, Stop::Before);
    let report = Compactor::new(watched, "a", now).dry_run(now).await.unwrap();
    assert_eq!((report.hours, report.merged, report.made), (2, 5, 2));
    assert_eq!(*store.files(), before);
}

/// All fields survive, also those that no reader above looks at.
#[tokio::test]
async fn a_compacted_file_holds_every_column_of_its_originals() {
    let store = archive().await;
    let all = |store: &MemoryStore| {
        let mut rows = Vec::new();
        for (_, bytes) in visible(store) {
            let file = SerializedFileReader::new(bytes).unwrap();
            rows.extend(
                file.get_row_iter(None)
                    .unwrap()
                    .map(|row| row.unwrap().to_string()),
            );
        }
        rows.sort();
        rows
    };
    let before = all(&store);
    compact(&store, "a").await.unwrap();
    assert_eq!(all(&store), before);
}
