//! Unfinished files that nobody will finish.

use std::time::{Duration, SystemTime};

use super::{
    layout::TEMPORARY,
    store::{ArchiveStore, StoreError, StoredFile},
};

/// A living writer finishes a file within minutes; what is older belongs to one that died.
pub const ORPHAN_AGE: Duration = Duration::from_hours(1);

/// Deletes unfinished files of this writer's former life, and those of others that are an hour old. A writer whose file
/// is taken away by mistake writes it again.
pub async fn orphans(store: &impl ArchiveStore, writer: &str, now: SystemTime) -> Result<usize, StoreError> {
    let files = store.list(TEMPORARY).await?;
    let orphans: Vec<&StoredFile> = files.iter().filter(|file| is_orphan(file, writer, now)).collect();
    for file in &orphans {
        store.delete(&file.path).await?;
    }
    Ok(orphans.len())
}

fn is_orphan(file: &StoredFile, writer: &str, now: SystemTime) -> bool {
    let own = file
        .path
        .strip_prefix(TEMPORARY)
        .and_then(|path| path.strip_prefix('/')?.strip_prefix(writer)?.strip_prefix('/'))
        .is_some();
    own || now
        .duration_since(file.modified)
        .is_ok_and(|age| age > ORPHAN_AGE)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("_tmp/processor-a/x.parquet", 0, true)]
    #[case("_tmp/processor-ab/x.parquet", 0, false)]
    #[case("_tmp/processor-b/x.parquet", 3_500, false)]
    #[case("_tmp/processor-b/x.parquet", 3_700, true)]
    fn own_files_and_old_ones_are_orphans(#[case] path: &str, #[case] age_s: u64, #[case] orphan: bool) {
        let now = SystemTime::now();
        let file = StoredFile {
            path: path.to_owned(),
            length: 1,
            modified: now - Duration::from_secs(age_s),
        };
        assert_eq!(is_orphan(&file, "processor-a", now), orphan);
    }
}
