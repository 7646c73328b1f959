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

/// What is known of the exchange's list of symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// No worker answers.
    NoAnswer,
    /// Files are played; nobody asks the exchange.
    NotAsked,
    /// No worker has read the list yet: where it asks, and what came of it.
    NotRead(String),
    /// These configured symbols are not in it.
    Unlisted(BTreeSet<String>),
}

/// What the workers found of the configured symbols. What one of them has read is known, whoever else waits.
pub fn listing(answers: &[Option<IngestStatus>]) -> Listing {
    let answers: Vec<&IngestStatus> = answers.iter().flatten().collect();
    if answers.is_empty() {
        return Listing::NoAnswer;
    }
    if answers.iter().all(|answer| answer.replay.is_some()) {
        return Listing::NotAsked;
    }
    let unlisted: BTreeSet<String> = answers
        .iter()
        .flat_map(|answer| answer.unknown_symbols.clone())
        .collect();
    // A worker from before this field does not tell.
    let unread = |answer: &&IngestStatus| {
        answer
            .exchange
            .as_ref()
            .filter(|exchange| !exchange.listed)
            .cloned()
    };
    match answers
        .iter()
        .copied()
        .map(|answer| unread(&answer))
        .collect::<Option<Vec<_>>>()
    {
        Some(unread) if unlisted.is_empty() => {
            let why = unread
                .iter()
                .find_map(|exchange| exchange.listing_error.as_deref());
            let rest = unread.first().map_or("", |exchange| &exchange.rest);
            Listing::NotRead(format!(
                "{rest} has not told yet which symbols it lists: {}",
                why.unwrap_or("it is being asked")
            ))
        }
        _ => Listing::Unlisted(unlisted),
    }
}

#[cfg(test)]
mod tests {
    use crds::wire::{ExchangeStatus, ReplayStatus, SymbolStatus};
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
    fn what_any_worker_finds_unlisted_is_named() {
        assert_eq!(listing(&[None]), Listing::NoAnswer);
        let of = |names: &[&str]| {
            Some(IngestStatus {
                unknown_symbols: names.iter().map(|name| (*name).to_owned()).collect(),
                ..IngestStatus::default()
            })
        };
        assert_eq!(listing(&[of(&[])]), Listing::Unlisted(BTreeSet::new()));
        let Listing::Unlisted(two) = listing(&[of(&["BUSDT"]), None, of(&["AUSDT", "BUSDT"])]) else {
            panic!("not listed");
        };
        assert_eq!(two.into_iter().collect::<Vec<_>>(), ["AUSDT", "BUSDT"]);
    }

    #[test]
    fn symbols_are_known_only_once_a_list_was_read() {
        let of = |listed, error: Option<&str>| {
            Some(IngestStatus {
                exchange: Some(ExchangeStatus {
                    rest: "https://api.example".to_owned(),
                    listed,
                    listing_error: error.map(str::to_owned),
                    ..ExchangeStatus::default()
                }),
                ..IngestStatus::default()
            })
        };
        let Listing::NotRead(why) = listing(&[of(false, Some("no route to host")), of(false, None)]) else {
            panic!("no list was read");
        };
        assert!(
            why.contains("https://api.example") && why.contains("no route to host"),
            "{why}"
        );
        assert_eq!(
            listing(&[of(false, None), of(true, None)]),
            Listing::Unlisted(BTreeSet::new())
        );
        let replay = Some(IngestStatus {
            replay: Some(ReplayStatus::default()),
            ..IngestStatus::default()
        });
        assert_eq!(listing(&[replay]), Listing::NotAsked);
    }
}
