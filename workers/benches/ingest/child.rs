//! The program that is measured, as a child process.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{self, Command, Stdio},
    time::Duration,
};

use anyhow::Result;
use crds::wire::IngestConfig;
use tempfile::TempDir;
use workers::process::Usage;

const START_LIMIT: u32 = 300;

/// A running `ingest`.
pub struct Child {
    process: process::Child,
    address: SocketAddr,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Child {
    /// Starts the program, with its files in a folder of its own, and waits until it answers.
    pub async fn start(mut config: IngestConfig) -> Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path().join("config.yaml");
        config.buffer.folder = folder.path().join("spool").to_string_lossy().into_owned();
        fs::write(&path, serde_yaml::to_string(&config)?)?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let process = Command::new(env!("CARGO_BIN_EXE_ingest"))
            .args([
                "--config",
                &path.to_string_lossy(),
                "--listen",
                &address.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let child = Self {
            process,
            address,
            client: reqwest::Client::new(),
            _folder: folder,
        };
        for _ in 0..START_LIMIT {
            if child.metrics().await.is_ok() {
                return Ok(child);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("ingest does not answer on {address}")
    }

    /// Its `/metrics`.
    pub async fn metrics(&self) -> Result<String> {
        let answer = self
            .client
            .get(format!("http://{}/metrics", self.address))
            .send()
            .await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// What it has used so far.
    pub fn usage(&self) -> Result<Usage> {
        Ok(Usage::of(self.process.id())?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
