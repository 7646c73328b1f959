//! Reads a worker's configuration file, whose types the operator and the workers share (`crds::wire`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// Why a worker cannot use its configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}; mount the configuration there or name another file with --config")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not hold what this worker expects.
    #[error(
        "{path} is no configuration of this worker: {source}; the operator and this worker must be of one release"
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Names the field and the line.
        source: serde_yaml::Error,
    },
}

impl ConfigError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read { .. } => "ConfigUnreadable",
            Self::Invalid { .. } => "ConfigInvalid",
        }
    }
}

/// Reads the configuration at `path`. A field the type does not know is an error.
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T, ConfigError> {
    let path = path.as_ref();
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_yaml::from_str(&text).map_err(|source| ConfigError::Invalid {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use crds::wire::IngestConfig;

    use super::*;

    const SOUND: &str = "
exchange: binance
endpoints: {stream: 'wss://data-stream.binance.vision', rest: 'https://api.binance.com'}
symbols: [BTCUSDT]
requestWeightPerMinute: 3000
kafka: {bootstrap: 'kafka:9092', topic: crypto-stream, deadLetterTopic: crypto-stream.dlq, gapTopic: crypto-stream.gaps}
ledgerTopic: crypto-stream.ledger
buffer: {memoryBytes: 33554432, diskBytes: 1073741824, folder: /var/spool/cryptopipeline}
";

    fn load_text(text: &str) -> Result<IngestConfig, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        load(file.path())
    }

    #[test]
    fn a_sound_file_is_read() {
        assert_eq!(load_text(SOUND).unwrap().symbols, ["BTCUSDT"]);
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let error = load_text(&format!("{SOUND}shards: 3\n")).unwrap_err();
        assert_eq!(error.reason(), "ConfigInvalid");
        assert!(error.to_string().contains("shards"), "{error}");
    }

    #[test]
    fn an_absent_file_is_named() {
        let error = load::<IngestConfig>("/absent/config.yaml").unwrap_err();
        assert_eq!(error.reason(), "ConfigUnreadable");
        assert!(error.to_string().contains("/absent/config.yaml"), "{error}");
    }
}
