//! How full the stores' volumes are, as the stores themselves tell: a kubelet would tell only whoever may read all of its node.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use crds::names::{JMX_EXPORTER_PORT, KAFKA_PORT, MANAGER};
use futures::{FutureExt, SinkExt, StreamExt, future::BoxFuture};
use kafka_protocol::{
    messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, RequestHeader, ResponseHeader},
    protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer},
};
use serde::Deserialize;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::codec::{Framed, LengthDelimitedCodec};
use tracing::debug;

use crate::{http::url_host, name_node::jmx_url};

/// The longest that a store may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The first version that tells bytes of the disk (KIP-827).
const LOG_DIRS_VERSION: i16 = 4;
/// The bytes that a Cassandra node stores, as the JMX exporter names them.
const LOAD: &str = "cassandra_storage_load";

/// Bytes of a volume, or of all volumes of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Bytes that cannot be written to any more.
    pub used: u64,
    /// All bytes.
    pub total: u64,
}

/// Asks stores. `None` where one does not tell.
pub trait DiskSource: Send + Sync {
    /// The fullest log directory of the broker at this address, by its disk.
    fn broker(&self, address: String) -> BoxFuture<'_, Option<Fill>>;

    /// All DataNodes' disks, by the NameNode at this address.
    fn data_nodes(&self, address: String) -> BoxFuture<'_, Option<Fill>>;

    /// The bytes that the Cassandra node at this address stores. It does not tell of its disk.
    fn cassandra_load(&self, address: String) -> BoxFuture<'_, Option<u64>>;
}

/// Asks over the network.
#[derive(Clone, Debug)]
pub struct Disks(pub reqwest::Client);

impl DiskSource for Disks {
    fn broker(&self, address: String) -> BoxFuture<'_, Option<Fill>> {
        async move {
            let broker = format!("{}:{KAFKA_PORT}", url_host(&address));
            let answer = timeout(TIMEOUT, log_dirs(&broker)).await;
            match answer.map_err(io::Error::from).and_then(|answer| answer) {
                Ok(answer) => fullest(&answer),
                Err(error) => {
                    debug!(broker, %error, "broker does not tell of its disk");
                    None
                }
            }
        }
        .boxed()
    }

    fn data_nodes(&self, address: String) -> BoxFuture<'_, Option<Fill>> {
        async move {
            let url = jmx_url(&address, "FSNamesystemState");
            capacity(&self.text(url).await?)
        }
        .boxed()
    }

    fn cassandra_load(&self, address: String) -> BoxFuture<'_, Option<u64>> {
        async move {
            let url = format!("http://{}:{JMX_EXPORTER_PORT}/metrics", url_host(&address));
            load(&self.text(url).await?)
        }
        .boxed()
    }
}

impl Disks {
    async fn text(&self, url: String) -> Option<String> {
        let answer = async {
            let response = self.0.get(&url).timeout(TIMEOUT).send().await?;
            response.error_for_status()?.text().await
        };
        answer
            .await
            .inspect_err(|error: &reqwest::Error| debug!(url, %error, "store does not tell of its volume"))
            .ok()
    }
}

/// Asks for no topic: the disk is told all the same.
async fn log_dirs(broker: &str) -> io::Result<DescribeLogDirsResponse> {
    let stream = TcpStream::connect(broker).await?;
    let mut frames = Framed::new(stream, LengthDelimitedCodec::new());
    frames.send(question().map_err(io::Error::other)?).await?;
    let answer = frames
        .next()
        .await
        .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
    read(answer.freeze()).map_err(io::Error::other)
}

fn question() -> anyhow::Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(DescribeLogDirsRequest::KEY)
        .with_request_api_version(LOG_DIRS_VERSION)
        .with_client_id(Some(StrBytes::from_static_str(MANAGER)));
    let mut frame = BytesMut::new();
    encode_request_header_into_buffer(&mut frame, &header)?;
    let none = DescribeLogDirsRequest::default().with_topics(Some(vec![]));
    kafka_protocol::protocol::Encodable::encode(&none, &mut frame, LOG_DIRS_VERSION)?;
    Ok(frame.freeze())
}

fn read(mut answer: Bytes) -> anyhow::Result<DescribeLogDirsResponse> {
    ResponseHeader::decode(
        &mut answer,
        DescribeLogDirsResponse::header_version(LOG_DIRS_VERSION),
    )?;
    DescribeLogDirsResponse::decode(&mut answer, LOG_DIRS_VERSION)
}

fn fullest(answer: &DescribeLogDirsResponse) -> Option<Fill> {
    answer
        .results
        .iter()
        .filter(|folder| folder.error_code == 0)
        .filter_map(|folder| {
            let total = u64::try_from(folder.total_bytes).ok()?;
            let free = u64::try_from(folder.usable_bytes).ok()?;
            Some((free, total))
        })
        .min()
        .map(|(free, total)| Fill {
            used: total.saturating_sub(free),
            total,
        })
}

#[derive(Deserialize)]
struct Jmx {
    beans: Vec<Capacity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capacity {
    capacity_total: u64,
    capacity_remaining: u64,
}

/// What HDFS cannot write to, be it used by HDFS or by others on the same disks. Nothing is told while no DataNode is there.
fn capacity(text: &str) -> Option<Fill> {
    let jmx: Jmx = serde_json::from_str(text).ok()?;
    let bean = jmx.beans.first().filter(|bean| bean.capacity_total > 0)?;
    Some(Fill {
        used: bean.capacity_total.saturating_sub(bean.capacity_remaining),
        total: bean.capacity_total,
    })
}

/// Of a page such as `cassandra_storage_load 1.048576E7`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size in bytes, rounded on purpose"
)]
fn load(page: &str) -> Option<u64> {
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(LOAD)?.trim().parse::<f64>().ok())?;
    (value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;

    use super::*;

    #[test]
    fn the_fullest_folder_of_a_broker_counts_and_a_failed_one_does_not() {
        let folder = |error, total, usable| {
            DescribeLogDirsResult::default()
                .with_error_code(error)
                .with_total_bytes(total)
                .with_usable_bytes(usable)
        };
        let answer = DescribeLogDirsResponse::default().with_results(vec![
            folder(0, 100, 60),
            folder(0, 1_000, 30),
            folder(56, 0, 0),
            folder(0, -1, -1),
        ]);
        let expected = Fill {
            used: 970,
            total: 1_000,
        };
        assert_eq!(fullest(&answer), Some(expected));
        assert_eq!(fullest(&DescribeLogDirsResponse::default()), None);
    }

    #[test]
    fn a_broker_is_asked_for_no_topic() {
        let frame = question().unwrap();
        // Key 35, version 4, correlation 0, the client's name, no tags; no topic, no tags.
        assert_eq!(frame[..8], [0, 35, 0, 4, 0, 0, 0, 0]);
        assert_eq!(frame[frame.len() - 3..], [0, 1, 0]);
    }

    #[test]
    fn what_others_use_of_hdfs_disks_is_used() {
        let text =
            r#"{"beans": [{"name": "x", "CapacityTotal": 100, "CapacityUsed": 5, "CapacityRemaining": 60}]}"#;
        assert_eq!(capacity(text), Some(Fill { used: 40, total: 100 }));
        assert_eq!(
            capacity(r#"{"beans": [{"CapacityTotal": 0, "CapacityRemaining": 0}]}"#),
            None
        );
        assert_eq!(capacity(r#"{"beans": []}"#), None);
    }

    #[test]
    fn the_load_is_read_from_the_page_of_metrics() {
        let page = "# HELP x\ncassandra_storage_loadtotal 7\ncassandra_storage_load 1.048576E7\n";
        assert_eq!(load(page), Some(10_485_760));
        assert_eq!(load(""), None);
    }
}
