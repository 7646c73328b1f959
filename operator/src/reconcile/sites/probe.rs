//! What tells whether data passes between sites: connections that the pipeline and the operator have anyway. Pure.

use crds::{CryptoPipelineSpec, names::Role, wire::LaneStatus};

use crate::{
    engine::Engine,
    plan::View,
    reconcile::data_flow::{Answers, Pick},
};

/// A lane that waits for nothing and trails no more than this has reached its sink just now.
const FRESH_SECONDS: u64 = 15;

/// A connection to a site, from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Placement of the far end.
    pub to: String,
    /// Of a worker on another site; else the operator's own, whose site nobody knows.
    pub from_worker: bool,
    /// Whether it passes.
    pub reached: bool,
    /// Its far end is up by its own account, so that a failure is not simply the far end's.
    pub serving: bool,
    /// In words.
    pub what: &'static str,
}

/// The probes that there are. One that says neither yes nor no is left out.
pub fn probes(
    spec: &CryptoPipelineSpec,
    view: &View,
    answers: &Answers,
    connected: &[(Engine, bool)],
) -> Vec<Probe> {
    let mut found = vec![];
    let processor = spec.processor.placement.as_deref();
    let lanes: [(Pick, Engine, &str); 2] = [
        (
            |status| status.archive.as_ref(),
            Engine::Hdfs,
            "the archive lane to HDFS",
        ),
        (
            |status| status.hot.as_ref(),
            Engine::Cassandra,
            "the hot lane to Cassandra",
        ),
    ];
    for (pick, sink, what) in lanes {
        let lanes: Vec<&LaneStatus> = answers.processors.iter().flatten().filter_map(pick).collect();
        for (engine, what) in [(sink, what), (Engine::Kafka, "the processor to Kafka")] {
            found.extend(
                reaches(&lanes, engine)
                    .and_then(|reached| worker(spec, view, processor, engine, reached, what)),
            );
        }
    }
    let spooling = answers
        .ingest
        .iter()
        .flatten()
        .any(|feed| feed.held || feed.spooled > 0);
    let ingest = spec.ingest.placement.as_deref();
    if spooling {
        found.extend(worker(
            spec,
            view,
            ingest,
            Engine::Kafka,
            false,
            "ingest to Kafka",
        ));
    }
    let name_nodes = view
        .hdfs
        .groups_of(Role::NameNode)
        .any(|group| group.ready_members() > 0);
    found.extend(own(
        Engine::Hdfs.placement_name(spec),
        name_nodes,
        !view.name_nodes.is_empty(),
        "the operator to the NameNodes",
    ));
    for (engine, reached) in connected {
        let (ready, desired) = view.engine(*engine).count();
        let what = match engine {
            Engine::Kafka => "the operator to the brokers",
            _ => "the operator to Cassandra",
        };
        found.extend(own(
            engine.placement_name(spec),
            ready * 2 > desired,
            *reached,
            what,
        ));
    }
    let up = |role| {
        view.workers
            .iter()
            .any(|worker| worker.role == role && worker.ready > 0)
    };
    found.extend(own(
        processor,
        up(Role::Processor),
        answers.processors.iter().any(Option::is_some),
        "the operator to the processors",
    ));
    found.extend(own(
        ingest,
        up(Role::Ingest),
        answers.ingest.iter().any(Option::is_some),
        "the operator to ingest",
    ));
    found
}

/// Whether lanes reach an engine; `None` where they do not tell. A lane that waits for nothing has reached its sink only if it
/// stored something just now: an archive lane may write once an hour.
fn reaches(lanes: &[&LaneStatus], engine: Engine) -> Option<bool> {
    let awaits = |lane: &LaneStatus| {
        lane.waiting.as_deref().is_some_and(|reason| {
            reason.starts_with(&engine.to_string().replace("HDFS", "Hdfs"))
                && (reason.ends_with("Unavailable") || reason.ends_with("Timeout"))
        })
    };
    if lanes.iter().any(|lane| awaits(lane)) {
        return Some(false);
    }
    let fresh = |lane: &&LaneStatus| {
        lane.waiting.is_none()
            && !lane.partitions.is_empty()
            && lane
                .partitions
                .values()
                .all(|partition| partition.lag_seconds < FRESH_SECONDS)
    };
    // That a lane reads says little of Kafka: an end that is not seen makes no lag.
    (engine != Engine::Kafka && !lanes.is_empty() && lanes.iter().all(fresh)).then_some(true)
}

/// A probe only where the worker is elsewhere.
fn worker(
    spec: &CryptoPipelineSpec,
    view: &View,
    from: Option<&str>,
    engine: Engine,
    reached: bool,
    what: &'static str,
) -> Option<Probe> {
    let to = engine.placement_name(spec).filter(|to| from != Some(to))?;
    let (ready, desired) = view.engine(engine).count();
    Some(Probe {
        to: to.to_owned(),
        from_worker: true,
        reached,
        serving: ready * 2 > desired,
        what,
    })
}

/// A question of the operator's own, where there is someone to ask.
fn own(to: Option<&str>, serving: bool, reached: bool, what: &'static str) -> Option<Probe> {
    let to = to?;
    (serving || reached).then(|| Probe {
        to: to.to_owned(),
        from_worker: false,
        reached,
        serving,
        what,
    })
}
