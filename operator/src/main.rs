//! The operator's process: logs, HTTP, leader election, controller, and their orderly end.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use kube::Client;
use operator::{
    bootstrap::{Memories, cassandra::CassandraAdmin, hdfs::HdfsAdmin, kafka::KafkaAdmin},
    cli::Cli,
    connect::Tcp,
    context::Context,
    controller,
    disks::Disks,
    events::Events,
    http::{self, Readiness},
    leader::Elector,
    metrics::Metrics,
    name_node::HttpNameNodes,
    ring::CqlRings,
    telemetry,
    worker_status::HttpWorkers,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How long a reconciliation that runs at SIGTERM may go on. Kubernetes kills after 30 s.
const GRACE: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = telemetry::start(&cli.log).and_then(|()| {
        // Two threads: the work is waiting for answers.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let ended = runtime.block_on(run(cli));
        // A blocking Kafka call may still wait for its answer.
        runtime.shutdown_timeout(Duration::from_millis(500));
        ended
    });
    match ended {
        Ok(code) => code,
        Err(error) => {
            error!(error = format!("{error:#}"), "the operator ends");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let client = Client::try_default()
        .await
        .context("no access to a Kubernetes API server: run in a pod, or set KUBECONFIG")?;
    let metrics = Metrics::new();
    let readiness = Readiness::default();
    // Probes and metrics are answered until the lease is given back; the runtime's end closes the server.
    let server = http::serve(cli.listen, readiness.clone(), metrics.clone());
    tokio::select! {
        ended = server => {
            ended.with_context(|| format!("cannot serve on {}", cli.listen))?;
            Ok(ExitCode::SUCCESS)
        }
        led = lead(&cli, client, metrics, readiness, stop) => led,
    }
}

/// Waits for the lease, runs the controller while it is held, and gives it back.
async fn lead(
    cli: &Cli,
    client: Client,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> anyhow::Result<ExitCode> {
    let mut elector = Elector::new(
        client.clone(),
        &cli.namespace,
        &cli.lease_name,
        &cli.pod_name,
        metrics.clone(),
    );
    tokio::select! {
        () = elector.acquire(|| readiness.set(true)) => {}
        () = stop.cancelled() => return Ok(ExitCode::SUCCESS),
    }
    readiness.set(false);
    let context = Arc::new(context(&cli.pod_name, client, metrics)?);
    let controller = controller::run(
        context,
        cli.watch_namespace.as_deref(),
        readiness,
        stop.clone().cancelled_owned(),
    );
    tokio::pin!(controller);
    tokio::select! {
        () = &mut controller => {}
        () = elector.hold() => {
            // Another process may lead in a moment: nothing more may be written, so nothing is finished either.
            warn!(lease = cli.lease_name, "the lease is lost; this process starts again as a standby");
            return Ok(ExitCode::FAILURE);
        }
        () = stop.cancelled() => {
            if tokio::time::timeout(GRACE, controller).await.is_err() {
                info!("a reconciliation did not end in time; the next leader goes on with it");
            }
        }
    }
    elector.release().await;
    Ok(ExitCode::SUCCESS)
}

fn context(pod_name: &str, client: Client, metrics: Arc<Metrics>) -> anyhow::Result<Context> {
    // Only pods are asked, over plain HTTP: no proxy and no certificate store.
    let web = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let name_nodes = Arc::new(HttpNameNodes(web.clone()));
    Ok(Context {
        events: Events::new(client.clone(), pod_name, metrics.clone()),
        client,
        metrics,
        topics: Arc::new(KafkaAdmin),
        schema: Arc::new(CassandraAdmin),
        archive: Arc::new(HdfsAdmin::new(name_nodes.clone())),
        name_nodes,
        rings: Arc::new(CqlRings::default()),
        connector: Arc::new(Tcp),
        disks: Arc::new(Disks(web.clone())),
        workers: Arc::new(HttpWorkers(web)),
        memories: Memories::default(),
    })
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signalled = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        signalled.cancel();
    });
    Ok(stop)
}
