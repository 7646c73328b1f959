//! What compaction asks of HDFS. hdfs-native has no `concat`; the NameNode takes it over WebHDFS.

use std::{io, time::Duration};

use bytes::Bytes;
use crds::names::NAME_NODE_HTTP_PORT;
use hdfs_native::{HdfsError, WriteOptions};
use reqwest::Url;
use serde::Deserialize;

use super::{CALL_LIMIT, HdfsStore, name_nodes::Link};
use crate::sink::archive::{compact::store::SwapStore, store::StoreError};

/// Preferred block size of files that compaction writes: above that of any file that is appended to one of them, as HDFS
/// demands, and of one block each.
const BLOCK_BYTES: u64 = 256 << 20;

impl SwapStore for HdfsStore {
    async fn write_within(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let options = WriteOptions::default()
            .create_parent(false)
            .block_size(BLOCK_BYTES);
        self.create(path, options, bytes).await
    }

    async fn concat(&self, target: &str, sources: &[String]) -> Result<(), StoreError> {
        let link = self.name_nodes.link().await?;
        let sources: Vec<String> = sources.iter().map(|path| self.absolute(path)).collect();
        let (target, sources) = (self.absolute(target), sources.join(","));
        let request = concat(&link, self.name_nodes.user(), &target, &sources);
        self.bounded(&link, CALL_LIMIT, request).await
    }

    async fn replace(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.absolute(from), self.absolute(to));
        self.call(CALL_LIMIT, |client| async move {
            client.rename(&from, &to, true).await
        })
        .await
    }
}

async fn concat(link: &Link, user: &str, target: &str, sources: &str) -> Result<(), HdfsError> {
    let url = url(link.host(), user, target, sources)?;
    let broken = |error: reqwest::Error| HdfsError::IOError(io::Error::other(error));
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(2));
    let answer = client
        .build()
        .map_err(broken)?
        .post(url)
        .send()
        .await
        .map_err(broken)?;
    if answer.status().is_success() {
        return Ok(());
    }
    let (status, body) = (answer.status(), answer.bytes().await.map_err(broken)?);
    Err(refusal(&body).unwrap_or_else(|| HdfsError::OperationFailed(format!("WebHDFS answered {status}"))))
}

fn url(host: &str, user: &str, target: &str, sources: &str) -> Result<Url, HdfsError> {
    let base = format!("http://{host}:{NAME_NODE_HTTP_PORT}/webhdfs/v1");
    let parameters = [("op", "CONCAT"), ("user.name", user), ("sources", sources)];
    let mut url = Url::parse_with_params(&base, parameters)
        .map_err(|error| HdfsError::OperationFailed(format!("{base}: {error}")))?;
    url.set_path(&format!("/webhdfs/v1{target}"));
    Ok(url)
}

/// The exception that the NameNode names, as if it had come by RPC.
fn refusal(body: &[u8]) -> Option<HdfsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        remote_exception: RemoteException,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct RemoteException {
        exception: String,
        #[serde(default)]
        message: String,
    }
    let Answer { remote_exception } = serde_json::from_slice(body).ok()?;
    Some(HdfsError::RPCError(
        remote_exception.exception,
        remote_exception.message,
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::error::classify, *};

    #[test]
    fn the_name_node_is_asked_as_webhdfs_wants_it() {
        let folder = "/crypto_data/trades/dt=2021-01-08/hour=00";
        let sources = format!("{folder}/a.parquet,{folder}/_b.footer");
        let url = url("nn-0.nn.ns.svc", "hdfs", &format!("{folder}/c.parquet"), &sources).unwrap();
        assert_eq!(
            url.path(),
            "/webhdfs/v1/crypto_data/trades/dt=2021-01-08/hour=00/c.parquet"
        );
        assert_eq!((url.host_str(), url.port()), (Some("nn-0.nn.ns.svc"), Some(9870)));
        let parameters: Vec<_> = url
            .query_pairs()
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        assert_eq!(parameters[0], ("op".to_owned(), "CONCAT".to_owned()));
        assert_eq!(parameters[2], ("sources".to_owned(), sources));
    }

    #[test]
    fn a_refusal_means_what_it_means_by_rpc() {
        let answer = |exception: &str| {
            format!(
                r#"{{"RemoteException":{{"exception":"{exception}","javaClassName":"x","message":"m"}}}}"#
            )
        };
        let reason = |exception| classify(refusal(answer(exception).as_bytes()).unwrap()).reason();
        assert_eq!(reason("StandbyException"), "HdfsStandby");
        assert_eq!(reason("FileNotFoundException"), "ArchiveFileMissing");
        assert_eq!(reason("HadoopIllegalArgumentException"), "HdfsRequestFailed");
        assert!(refusal(b"<html>").is_none());
    }
}
