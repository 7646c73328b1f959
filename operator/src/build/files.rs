//! Configuration files: the ConfigMap that carries them and the hash that says when a process must restart.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use sha2::{Digest, Sha256};

use super::metadata::{labels, owned};
use crate::reconcile::validate::ValidatedPipeline;

/// The files of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Read once, when the process starts: a change needs a restart.
    start: BTreeMap<String, String>,
    /// Read again and again, or only by a start yet to come: a change needs none.
    live: BTreeMap<String, String>,
}

impl Files {
    /// Adds a file that a running process does not read again.
    pub fn at_start(mut self, name: &str, content: impl Into<String>) -> Self {
        self.start.insert(name.to_owned(), content.into());
        self
    }

    /// Adds a file whose change reaches a running process, or does not concern it.
    pub fn live(mut self, name: &str, content: impl Into<String>) -> Self {
        self.live.insert(name.to_owned(), content.into());
        self
    }

    /// The first 16 hexadecimal digits of the SHA-256 of every file read at start.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, content) in &self.start {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            for part in [name, content] {
                hasher.update(part.len().to_be_bytes());
                hasher.update(part);
            }
        }
        let digest = format!("{:x}", hasher.finalize());
        digest.chars().take(16).collect()
    }

    /// The ConfigMap of all files.
    pub fn config_map(self, pipeline: &ValidatedPipeline, name: String, component: &str) -> ConfigMap {
        let mut data = self.start;
        data.extend(self.live);
        ConfigMap {
            metadata: owned(pipeline, name, labels(pipeline, component)),
            data: Some(data),
            ..ConfigMap::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Files;

    #[test]
    fn only_files_read_at_start_change_the_hash() {
        let files = Files::default().at_start("a", "1").live("b", "2");
        assert_eq!(
            files.hash(),
            Files::default().at_start("a", "1").live("b", "3").hash()
        );
        assert_ne!(
            files.hash(),
            Files::default().at_start("a", "2").live("b", "2").hash()
        );
        assert_ne!(
            Files::default().at_start("ab", "c").hash(),
            Files::default().at_start("a", "bc").hash()
        );
        assert_eq!(files.hash().len(), 16);
    }
}
