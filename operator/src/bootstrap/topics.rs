//! Comparing a topic with what is wanted of it. Pure.

use std::collections::BTreeMap;

use super::{Finding, TopicWanted};

/// A topic as Kafka describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveTopic {
    /// Partitions.
    pub partitions: i32,
    /// Replicas of the partition that has the fewest.
    pub replication: i32,
    /// Configuration set on the topic itself.
    pub overrides: BTreeMap<String, String>,
    /// Configuration in force, brokers' defaults included.
    pub effective: BTreeMap<String, String>,
}

/// What to do to a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Grow to so many partitions.
    pub partitions: Option<i32>,
    /// Set all of this. Kafka's non-incremental `AlterConfigs` resets every key that is not named, so what was set
    /// on the topic before is named too.
    pub config: Option<BTreeMap<String, String>>,
    /// What changes in the configuration, in words.
    pub changed: Vec<String>,
    /// What is left as it is.
    pub differences: Vec<Finding>,
}

/// Widens where that is safe: more partitions, longer retention, other limits. Never takes records away.
pub fn compare(wanted: &TopicWanted, live: &LiveTopic) -> Change {
    let mut change = Change::default();
    if wanted.partitions > live.partitions {
        change.partitions = Some(wanted.partitions);
    } else if wanted.partitions < live.partitions {
        change.differences.push(Finding::new(
            "MorePartitions",
            format!(
                "topic {} has {} partitions, the spec asks for {}; Kafka cannot remove partitions, so raise the spec",
                wanted.name, live.partitions, wanted.partitions
            ),
        ));
    }
    if wanted.replication != live.replication {
        change.differences.push(Finding::new(
            "ReplicationDiffers",
            format!(
                "topic {} has {} replicas, the spec asks for {}; reassign its partitions with kafka-reassign-partitions, \
                 or change the spec",
                wanted.name, live.replication, wanted.replication
            ),
        ));
    }
    let mut config = live.overrides.clone();
    for (key, asked) in &wanted.config {
        let value = &spared(key, asked, wanted, live);
        let now = live.effective.get(*key);
        if now == Some(value) {
            continue;
        }
        if *key == "retention.ms" && now.is_some_and(|now| longer(now, value)) {
            change.differences.push(Finding::new(
                "RetentionSmaller",
                format!(
                    "topic {} keeps records {} ms, the spec asks for less ({value} ms); records are not taken away, \
                     so lower retention.ms by hand if you mean it",
                    wanted.name,
                    now.map_or("", String::as_str)
                ),
            ));
            continue;
        }
        config.insert((*key).to_owned(), value.clone());
        change.changed.push(format!("{key}={value}"));
    }
    change.config = (!change.changed.is_empty()).then_some(config);
    change
}

/// What a key may be set to. A topic that has fewer replicas than asked for gets no minimum that all of them must meet: one broker away,
/// a restart's included, would stop every write to it.
fn spared(key: &str, asked: &str, wanted: &TopicWanted, live: &LiveTopic) -> String {
    match asked.parse::<i32>() {
        Ok(minimum) if key == "min.insync.replicas" && live.replication < wanted.replication => {
            minimum.min(live.replication - 1).max(1).to_string()
        }
        _ => asked.to_owned(),
    }
}

/// Whether retention `now` keeps records longer than `wanted`. -1 keeps them for ever.
fn longer(now: &str, wanted: &str) -> bool {
    match (now.parse::<i64>(), wanted.parse::<i64>()) {
        (Ok(-1), _) => true,
        (Ok(now), Ok(wanted)) => now > wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> TopicWanted {
        TopicWanted {
            name: "crypto-stream".to_owned(),
            partitions: 12,
            replication: 3,
            config: BTreeMap::from([
                ("min.insync.replicas", "2".to_owned()),
                ("retention.ms", "1000".to_owned()),
            ]),
        }
    }

    fn live() -> LiveTopic {
        let config = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        LiveTopic {
            partitions: 12,
            replication: 3,
            overrides: config(&[("retention.ms", "1000"), ("max.message.bytes", "9")]),
            effective: config(&[
                ("retention.ms", "1000"),
                ("min.insync.replicas", "2"),
                ("max.message.bytes", "9"),
            ]),
        }
    }

    #[test]
    fn a_topic_as_wanted_is_left_alone() {
        assert_eq!(compare(&wanted(), &live()), Change::default());
    }

    #[test]
    fn partitions_grow_and_never_shrink() {
        let fewer = LiveTopic {
            partitions: 6,
            ..live()
        };
        assert_eq!(compare(&wanted(), &fewer).partitions, Some(12));
        let more = LiveTopic {
            partitions: 24,
            ..live()
        };
        let change = compare(&wanted(), &more);
        assert_eq!(change.partitions, None);
        assert_eq!(change.differences[0].reason, "MorePartitions");
    }

    #[test]
    fn longer_retention_is_set_together_with_what_the_topic_had() {
        let mut live = live();
        live.overrides.insert("retention.ms".to_owned(), "500".to_owned());
        live.effective.insert("retention.ms".to_owned(), "500".to_owned());
        let config = compare(&wanted(), &live).config.unwrap();
        assert_eq!(config["retention.ms"], "1000");
        assert_eq!(config["max.message.bytes"], "9");
    }

    #[test]
    fn shorter_retention_is_reported_and_not_set() {
        for longer in ["5000", "-1"] {
            let mut live = live();
            live.effective
                .insert("retention.ms".to_owned(), longer.to_owned());
            let change = compare(&wanted(), &live);
            assert_eq!(change.config, None);
            assert_eq!(change.differences[0].reason, "RetentionSmaller");
        }
    }

    #[test]
    fn a_topic_with_fewer_replicas_than_asked_for_can_spare_one() {
        let minimum = |replicas: i32, now: &str| {
            let mut live = LiveTopic {
                replication: replicas,
                ..live()
            };
            live.effective
                .insert("min.insync.replicas".to_owned(), now.to_owned());
            compare(&wanted(), &live)
                .config
                .map(|config| config["min.insync.replicas"].clone())
        };
        assert_eq!(minimum(2, "1"), None, "2 of 2 replicas would have to be in sync");
        assert_eq!(minimum(2, "2").as_deref(), Some("1"));
        assert_eq!(minimum(1, "1"), None);
        assert_eq!(minimum(3, "1").as_deref(), Some("2"));
    }

    #[test]
    fn another_replication_factor_is_reported() {
        let live = LiveTopic {
            replication: 1,
            ..live()
        };
        assert_eq!(
            compare(&wanted(), &live).differences[0].reason,
            "ReplicationDiffers"
        );
    }
}
