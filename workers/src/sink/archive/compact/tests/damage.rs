//! Files that cannot be merged.

use super::*;

#[rstest]
#[case::damaged(true)]
#[case::no_parquet(false)]
#[tokio::test]
async fn a_damaged_original_refuses_its_hour_and_no_other(#[case] page: bool) {
    let store = archive().await;
    let path = paths(&store)
        .into_iter()
        .find(|path| path.contains("hour=00/part-0"))
        .unwrap();
    let mut bytes = store.files()[&path].to_vec();
    if page {
        // Within the pages of the first columns.
        for byte in &mut bytes[8..120] {
            *byte ^= 0x5a;
        }
    } else {
        bytes.truncate(40);
    }
    store.files().insert(path.clone(), bytes.into());
    let before: Vec<_> = visible(&store)
        .into_iter()
        .filter(|(path, _)| path.contains("hour=00"))
        .collect();
    let report = compact(&store, "a").await.unwrap();
    assert_eq!(report.failed.len(), 1);
    assert_eq!(report.failed[0].reason, "ArchiveFileUnreadable");
    assert!(report.failed[0].message.contains(&path), "{report:?}");
    assert_eq!(report.made, 1);
    let after: Vec<_> = visible(&store)
        .into_iter()
        .filter(|(path, _)| path.contains("hour=00"))
        .collect();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_refused_concat_leaves_no_file_behind() {
    let store = archive().await;
    let before = store.files().clone();
    // HDFS refuses a source without bytes; this one is said to have some.
    let group: Vec<Candidate> = before
        .keys()
        .filter(|path| path.contains("hour=01"))
        .map(|path| Candidate {
            path: path.clone(),
            length: 1,
            compacted: false,
        })
        .collect();
    let originals: Vec<Original> = group
        .iter()
        .map(|file| Original {
            path: file.path.clone(),
            bytes: before[&file.path].clone(),
        })
        .collect();
    let prepared = files::prepare(&originals, "r").unwrap();
    store.files().insert(format!("{FOLDER}/r/run"), Bytes::new());
    store.files().insert(group[0].path.clone(), Bytes::new());
    let hour = Hour::parse("dt=2021-01-01/hour=01").unwrap();
    let swap = Swap {
        store: &*store,
        run: "r",
        number: 0,
        hour,
    };
    let paths: Vec<String> = group.iter().map(|file| file.path.clone()).collect();
    assert_eq!(
        swap.many(&paths, &prepared).await.unwrap_err().reason(),
        "HdfsRequestFailed"
    );
    store
        .files()
        .insert(group[0].path.clone(), before[&group[0].path].clone());
    let visible: Vec<_> = store.finished();
    assert_eq!(
        visible,
        before
            .into_iter()
            .filter(|(path, _)| !path.starts_with('_'))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_merged_file_that_was_not_stored_as_it_was_made_is_thrown_away() {
    let store = archive().await;
    let before = visible(&store);
    let watched = Watched::new(&store, NEVER, Stop::After);
    // Until the first one is written, nothing is there to be damaged.
    for change in 0..4 {
        watched.after(change, |watched| {
            for (path, bytes) in watched.inner.files().iter_mut() {
                if path.starts_with(FOLDER) && path.ends_with("0-merged.parquet") {
                    let mut damaged = bytes.to_vec();
                    damaged[20] ^= 0x5a;
                    *bytes = damaged.into();
                }
            }
        });
    }
    let report = compact(&watched, "a").await.unwrap();
    let reasons: Vec<_> = report.failed.iter().map(|failure| failure.reason).collect();
    assert_eq!((reasons, report.made), (vec!["CompactionDiffers"], 1));
    let of_first_hour = |files: Vec<(String, Bytes)>| -> Vec<_> {
        files
            .into_iter()
            .filter(|(path, _)| path.contains("hour=00"))
            .collect()
    };
    assert_eq!(of_first_hour(visible(&store)), of_first_hour(before));
}
