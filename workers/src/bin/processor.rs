//! The processor: reads the configuration, starts the lanes that it names, and serves health, metrics and status.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use crds::wire::{ArchiveConfig, CONFIG_PATH, HotConfig, KafkaEndpoint, ProcessorConfig, ProcessorStatus};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use workers::{
    config,
    health::{
        Health,
        server::{self, PORT},
    },
    kafka::consumer::SESSION,
    metrics,
    model::Interval,
    processor::{
        archive::ArchiveLane,
        board::Board,
        gaps::GapLane,
        hot::HotLane,
        lane::{Lane, LaneRunner},
        metrics::LaneMetrics,
        roll::RollPolicy,
    },
    shutdown,
    sink::{
        archive::{clean, hdfs::HdfsStore, retry::Retrying},
        dead_letter::DeadLetters,
        hot::{CassandraStore, metrics::RequestMetrics},
    },
    telemetry,
};

/// A lane's loop comes round every second, and stops for 15 s at most while partitions are handed over.
const LOOP_LIMIT: Duration = Duration::from_mins(1);
const CLEAN_EVERY: Duration = Duration::from_hours(1);
const CLEAN_RETRY: Duration = Duration::from_secs(30);

/// HDFS, through failovers.
type Archive = Retrying<HdfsStore>;

/// Writes the trades of the topic to the archive and to Cassandra.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file.
    #[arg(long, default_value = CONFIG_PATH)]
    config: PathBuf,
    /// Address of health, metrics and status.
    #[arg(long, default_value_t = SocketAddr::from(([0, 0, 0, 0], PORT)))]
    listen: SocketAddr,
    /// A name that no other living processor has: the pod's.
    #[arg(long, env = "POD_NAME", default_value = "processor")]
    writer: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    let arguments = Arguments::parse();
    let config: ProcessorConfig = config::load(&arguments.config)?;
    let stop = shutdown::signal()?;
    let health = Health::new();
    let mut registry = metrics::registry("processor");
    let (archive_board, hot_board) = (Board::default(), Board::default());

    // A bad record is met by both lanes and must be buried once: by the archive lane, which is the one that must not
    // lose anything, or by the hot lane where it is alone.
    let archive_buries = config.archive.is_some();
    let archive = config.archive.as_ref().map(|archive| {
        archive_lane(
            &config,
            archive,
            &arguments.writer,
            &archive_board,
            &health,
            &mut registry,
        )
    });
    let (hot, gaps) = match &config.hot {
        Some(hot) => {
            let requests = RequestMetrics::register(&mut registry);
            let store = CassandraStore::new(hot.cassandra.clone(), hot.group.clone(), requests);
            let store = Arc::new(store);
            let gaps = gap_lane(&config, hot, &store, &health, &mut registry);
            let buries = !archive_buries;
            let hot = hot_lane(&config, hot, store, buries, &hot_board, &health, &mut registry)?;
            (Some(hot), Some(gaps))
        }
        None => (None, None),
    };

    let (has_archive, has_hot) = (archive.is_some(), hot.is_some());
    let status = move || ProcessorStatus {
        archive: has_archive.then(|| archive_board.status()),
        hot: has_hot.then(|| hot_board.status()),
    };
    // Answers until the lanes have ended, so that a slow hand-over can be watched.
    let answering = CancellationToken::new();
    let server = server::serve(arguments.listen, health, registry, status, answering.clone()).await?;
    let (archived, hot, gaps) = tokio::join!(run(archive, &stop), run(hot, &stop), run(gaps, &stop));
    answering.cancel();
    server.task.await??;
    archived.and(hot).and(gaps)
}

/// Runs a lane, if there is one, in a task of its own.
async fn run<L: Lane>(lane: Option<LaneRunner<L>>, stop: &CancellationToken) -> anyhow::Result<()> {
    let Some(lane) = lane else { return Ok(()) };
    let ended = stop.clone();
    Ok(tokio::spawn(async move { lane.run(&ended).await }).await??)
}

fn archive_lane(
    config: &ProcessorConfig,
    archive: &ArchiveConfig,
    writer: &str,
    board: &Board,
    health: &Health,
    registry: &mut Registry,
) -> LaneRunner<ArchiveLane<Archive>> {
    let store = Arc::new(Retrying::new(HdfsStore::new(archive.hdfs.clone())));
    let policy = RollPolicy {
        size: archive.roll_size_bytes,
        interval: Duration::from_millis(archive.roll_interval_ms),
    };
    let dead_letters = DeadLetters::new(&config.kafka, "archive");
    tokio::spawn(clean_for_ever(store.clone(), writer.to_owned()));
    LaneRunner {
        name: "archive",
        lane: Arc::new(ArchiveLane::new(
            store,
            policy,
            writer.to_owned(),
            Some(dead_letters),
        )),
        kafka: config.kafka.clone(),
        group: archive.group.clone(),
        session: SESSION,
        board: board.clone(),
        metrics: LaneMetrics::register(registry, "archive", &policy.promised_ages()),
        heartbeat: health.heartbeat("archive", LOOP_LIMIT),
        readiness: health.readiness("archive"),
    }
}

fn hot_lane(
    config: &ProcessorConfig,
    hot: &HotConfig,
    store: Arc<CassandraStore>,
    buries: bool,
    board: &Board,
    health: &Health,
    registry: &mut Registry,
) -> anyhow::Result<LaneRunner<HotLane<CassandraStore>>> {
    let dead_letters = buries.then(|| DeadLetters::new(&config.kafka, "hot"));
    let candles = hot.candles.iter().map(|interval| interval.parse());
    let candles = candles.collect::<Result<Vec<Interval>, _>>()?;
    Ok(LaneRunner {
        name: "hot",
        lane: Arc::new(HotLane::new(store, dead_letters, candles)),
        kafka: config.kafka.clone(),
        group: hot.group.clone(),
        session: SESSION,
        board: board.clone(),
        metrics: LaneMetrics::register(registry, "hot", &[]),
        heartbeat: health.heartbeat("hot", LOOP_LIMIT),
        readiness: health.readiness("hot"),
    })
}

fn gap_lane(
    config: &ProcessorConfig,
    hot: &HotConfig,
    store: &Arc<CassandraStore>,
    health: &Health,
    registry: &mut Registry,
) -> LaneRunner<GapLane<CassandraStore>> {
    LaneRunner {
        name: "gaps",
        lane: Arc::new(GapLane::new(store.clone())),
        kafka: KafkaEndpoint {
            topic: config.kafka.gap_topic.clone(),
            ..config.kafka.clone()
        },
        group: hot.gap_group.clone(),
        session: SESSION,
        board: Board::default(),
        metrics: LaneMetrics::register(registry, "gaps", &[]),
        heartbeat: health.heartbeat("gaps", LOOP_LIMIT),
        readiness: health.readiness("gaps"),
    }
}

/// Deletes unfinished files that nobody will finish, now and every hour. At the start that includes this writer's own,
/// of its former life.
async fn clean_for_ever(store: Arc<Archive>, writer: String) {
    // Once cleaned, files of this name are this life's.
    let mut own = writer.as_str();
    loop {
        let pause = match clean::orphans(&*store, own, std::time::SystemTime::now()).await {
            Ok(deleted) => {
                tracing::info!(deleted, "unfinished files cleaned");
                own = "";
                CLEAN_EVERY
            }
            Err(error) => {
                tracing::warn!(reason = error.reason(), %error, "unfinished files not cleaned yet");
                CLEAN_RETRY
            }
        };
        tokio::time::sleep(pause).await;
    }
}
