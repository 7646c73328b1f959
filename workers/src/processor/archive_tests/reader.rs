//! A reader of the archive's folders that knows nothing of footers, batches or writers: it decodes whole files, and what
//! it has once seen must stay as it was.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::audit::{archive::add_file, count::Counts};

/// What was found so far.
#[derive(Default)]
pub struct Reader {
    files: BTreeMap<String, Bytes>,
    /// By symbol and id, the file that has it.
    found: BTreeMap<(String, u64), String>,
}

impl Reader {
    /// Looks at all finished files. No trade may be there twice, and no file may have changed or gone.
    pub fn look(&mut self, finished: Vec<(String, Bytes)>) {
        let now = finished.len();
        for (path, bytes) in finished {
            match self.files.get(&path) {
                Some(before) => assert!(*before == bytes, "{path} has changed"),
                None => self.read(path, bytes),
            }
        }
        assert_eq!(now, self.files.len(), "a finished file is gone");
    }

    fn read(&mut self, path: String, bytes: Bytes) {
        let mut counts = Counts::default();
        add_file(&mut counts, bytes.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
        for symbol in counts.symbols() {
            let ids = counts.of(symbol).unwrap();
            assert!(ids.repeated.is_empty(), "{path} has a {symbol} twice");
            for id in ids
                .distinct
                .ranges()
                .iter()
                .flat_map(|range| range.first()..=range.last())
            {
                let elsewhere = self.found.insert((symbol.to_owned(), id), path.clone());
                assert!(
                    elsewhere.is_none(),
                    "{symbol} {id} is in {path} and in {elsewhere:?}"
                );
            }
        }
        self.files.insert(path, bytes);
    }

    pub fn holds(&self, symbol: &str, id: u64) -> bool {
        self.found.contains_key(&(symbol.to_owned(), id))
    }

    /// All trades in order.
    pub fn trades(&self) -> Vec<(String, u64)> {
        self.found.keys().cloned().collect()
    }
}
