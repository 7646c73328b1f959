//! Which symbols the ingest workers follow, and which of them the exchange does not know. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crds::{names::LABEL_SHARD, wire::IngestStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::build::workers::{Reading, Readings};

/// Annotation of ingest pods: the version of the symbols that they are to follow. Its change makes the kubelet bring the
/// changed ConfigMap at once (docs/decisions/0016).
pub const SYMBOLS_ANNOTATION: &str = "cryptopipeline.dev/symbols";

/// A worker that does not follow the symbols of its shard yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Its pod.
    pub pod: String,
    /// The version that it is to follow.
    pub version: String,
    /// Whether the pod is annotated with it.
    pub noted: bool,
}

/// The workers that answer and do not follow the symbols of their shard yet. `answers` are those of `pods`, in order.
pub fn behind(
    pods: &[&Pod],
    answers: &[Option<IngestStatus>],
    versions: &BTreeMap<String, String>,
) -> Vec<Behind> {
    let behind = |(pod, answer): (&&Pod, &Option<IngestStatus>)| {
        let version = versions.get(pod.labels().get(LABEL_SHARD)?)?;
        let follows = answer.as_ref()?.symbols_version == *version;
        (!follows).then(|| Behind {
            pod: pod.name_any(),
            version: version.clone(),
            noted: pod.annotations().get(SYMBOLS_ANNOTATION) == Some(version),
        })
    };
    pods.iter().zip(answers).filter_map(behind).collect()
}

/// What the workers that answer read, by shard. `answers` are those of `pods`, in order.
pub fn readings(pods: &[&Pod], answers: &[Option<IngestStatus>]) -> Readings {
    let mut readings = Readings::new();
    for (pod, answer) in pods.iter().zip(answers) {
        let shard = pod.labels().get(LABEL_SHARD).and_then(|shard| shard.parse().ok());
        let (Some(shard), Some(answer)) = (shard, answer) else {
            continue;
        };
        let of_shard = readings.entry(shard).or_default();
        for (symbol, page) in &answer.symbols {
            let reading = Reading {
                connected: answer.connected,
                per_minute: page.trades_per_minute,
            };
            let best = of_shard.entry(symbol.clone()).or_default();
            *best = reading.max(*best);
        }
    }
    readings
}

/// Configured symbols that the exchange does not list; `None` when no worker answers.
pub fn unknown(answers: &[Option<IngestStatus>]) -> Option<BTreeSet<String>> {
    let answers: Vec<_> = answers.iter().flatten().collect();
    if answers.is_empty() {
        return None;
    }
    Some(
        answers
            .iter()
            .flat_map(|answer| answer.unknown_symbols.clone())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use crds::wire::SymbolStatus;
    use serde_json::json;

    use super::*;

    fn pod(shard: &str, annotation: Option<&str>) -> Pod {
        let annotations = annotation.map(|version| json!({SYMBOLS_ANNOTATION: version}));
        let metadata = json!({"name": format!("ingest-{shard}"), "labels": {LABEL_SHARD: shard}, "annotations": annotations});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn follows(version: &str) -> IngestStatus {
        IngestStatus {
            symbols_version: version.to_owned(),
            ..IngestStatus::default()
        }
    }

    #[test]
    fn a_worker_is_behind_while_it_answers_with_another_version_than_its_shards() {
        let versions = BTreeMap::from([("0", "a"), ("1", "b")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let pods = [
            pod("0", None),
            pod("1", None),
            pod("1", Some("b")),
            pod("0", None),
        ];
        let pods: Vec<&Pod> = pods.iter().collect();
        let answers = [Some(follows("a")), Some(follows("a")), Some(follows("")), None];
        let behind = behind(&pods, &answers, &versions);
        let short: Vec<_> = behind
            .iter()
            .map(|one| (one.pod.as_str(), one.version.as_str(), one.noted))
            .collect();
        assert_eq!(short, [("ingest-1", "b", false), ("ingest-1", "b", true)]);
    }

    #[test]
    fn a_shard_reads_a_symbol_as_its_best_worker_does() {
        let answer = |connected, per_minute| {
            let page = SymbolStatus {
                trades_per_minute: per_minute,
                ..SymbolStatus::default()
            };
            Some(IngestStatus {
                connected,
                symbols: BTreeMap::from([("BTCUSDT".to_owned(), page)]),
                ..IngestStatus::default()
            })
        };
        let pods = [pod("0", None), pod("0", None), pod("1", None), pod("2", None)];
        let pods: Vec<&Pod> = pods.iter().collect();
        let readings = readings(&pods, &[answer(false, 9), answer(true, 7), answer(true, 0), None]);
        let found = |shard: usize| readings.get(&shard).map(|of| of["BTCUSDT"]);
        let reading = |per_minute| Reading {
            connected: true,
            per_minute,
        };
        assert_eq!(
            [found(0), found(1), found(2)],
            [Some(reading(7)), Some(reading(0)), None]
        );
    }

    #[test]
    fn what_any_worker_finds_unlisted_is_unknown() {
        assert_eq!(unknown(&[None]), None);
        let of = |names: &[&str]| {
            Some(IngestStatus {
                unknown_symbols: names.iter().map(|name| (*name).to_owned()).collect(),
                ..IngestStatus::default()
            })
        };
        assert_eq!(unknown(&[of(&[])]), Some(BTreeSet::new()));
        let two = unknown(&[of(&["BUSDT"]), None, of(&["AUSDT", "BUSDT"])]).unwrap();
        assert_eq!(two.into_iter().collect::<Vec<_>>(), ["AUSDT", "BUSDT"]);
    }
}
