//! The program that is measured, as a child process, and what the kernel counts of it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{self, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use crds::wire::IngestConfig;
use tempfile::TempDir;

/// Ticks of the CPU times in `/proc`, the same on every Linux (`man 5 proc`, `sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;
const START_LIMIT: u32 = 300;

/// What a process has used so far.
pub struct Usage {
    /// User and system time, seconds.
    pub cpu_seconds: f64,
    /// The most resident memory there ever was, MiB.
    pub peak_mib: f64,
}

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
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.process.id()));
        let stat = read("stat")?;
        // The name in brackets may hold anything; fields 14 and 15 of the whole are the times.
        let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat without a name")?;
        let ticks: Vec<f64> = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        ensure!(ticks.len() == 2, "/proc/…/stat without times");
        let status = read("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = peak
            .and_then(|peak| peak.split_whitespace().next())
            .context("/proc/…/status without VmHWM")?
            .parse()?;
        Ok(Usage {
            cpu_seconds: ticks.iter().sum::<f64>() / TICKS_PER_SECOND,
            peak_mib: kib / 1024.0,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
