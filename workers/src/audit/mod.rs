//! The auditor: which trades are in the topic, in Cassandra and in the archive, id by id. It only reads, and reads by
//! other ways than the processor writes.

pub mod archive;
pub mod cassandra;
pub mod count;
pub mod kafka;
pub mod report;
pub mod table;

use std::time::{Duration, Instant};

use crds::wire::{AuditReport, AuditorConfig};
use tokio::time::sleep;

use self::count::Counts;
use crate::{
    kafka::bounded::BoundedReadError,
    sink::{
        archive::{hdfs::HdfsStore, publish::PublishError, retry::Retrying},
        hot::{HotError, cassandra::connect, metrics::RequestMetrics},
    },
};

const PAUSE: Duration = Duration::from_secs(2);

/// Why a place could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The topic.
    #[error("counting the topic: {0}")]
    Kafka(#[from] BoundedReadError),
    /// The table.
    #[error("counting the table: {0}")]
    Cassandra(#[from] HotError),
    /// The archive.
    #[error("counting the archive: {0}")]
    Archive(#[from] PublishError),
}

impl AuditError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Kafka(error) => error.reason(),
            Self::Cassandra(error) => error.reason(),
            Self::Archive(error) => error.reason(),
        }
    }
}

/// Counts the three places at once. `symbols` limits the audit; empty means all.
pub async fn run(config: &AuditorConfig, symbols: &[String]) -> Result<AuditReport, AuditError> {
    let topic = config.kafka.clone();
    let kafka = async move {
        let counted = tokio::task::spawn_blocking(move || kafka::count(&topic)).await;
        counted
            .unwrap_or(Err(BoundedReadError::Ended))
            .map_err(AuditError::from)
    };
    let cassandra = async {
        let session = connect(&config.cassandra, &RequestMetrics::default()).await?;
        Ok(cassandra::count(&session, &config.cassandra.keyspace).await?)
    };
    let archive = async {
        let store = Retrying::new(HdfsStore::new(config.hdfs.clone()));
        Ok::<Counts, AuditError>(archive::count(&store).await?)
    };
    let (kafka, cassandra, archive) = tokio::try_join!(kafka, cassandra, archive)?;
    Ok(report::report(&kafka, &cassandra, &archive, symbols))
}

/// Counts again until the report is complete or the time is over, and tells `progress` each time. The last count is
/// returned, whatever it is.
pub async fn until_complete(
    config: &AuditorConfig,
    symbols: &[String],
    patience: Duration,
    progress: impl Fn(&Result<AuditReport, AuditError>, Duration),
) -> Result<AuditReport, AuditError> {
    let started = Instant::now();
    loop {
        let result = run(config, symbols).await;
        let done = result.as_ref().is_ok_and(|report| report.complete);
        if done || started.elapsed() + PAUSE >= patience {
            return result;
        }
        progress(&result, started.elapsed());
        sleep(PAUSE).await;
    }
}
