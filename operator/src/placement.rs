//! Which nodes a placement has, and which zones. Pure.

use std::collections::BTreeMap;

use crds::spec::Placement;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, Taint, Toleration};

/// What placement needs to know of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// The node's name.
    pub name: String,
    /// The node's labels.
    pub labels: BTreeMap<String, String>,
    /// Taints that keep pods away.
    pub taints: Vec<Taint>,
    /// It takes no new pods, and keeps those that it has.
    pub cordoned: bool,
    /// Since when it is not ready, as the API server sees it; `None` while it is, and where the node does not tell.
    pub down_since: Option<Timestamp>,
}

impl Site {
    /// The node.
    pub fn of(node: Node) -> Self {
        let spec = node.spec.unwrap_or_default();
        let conditions = node.status.and_then(|status| status.conditions);
        let ready = conditions.into_iter().flatten().find(|c| c.type_ == "Ready");
        Self {
            name: node.metadata.name.unwrap_or_default(),
            labels: node.metadata.labels.unwrap_or_default(),
            taints: spec.taints.unwrap_or_default(),
            cordoned: spec.unschedulable == Some(true),
            down_since: ready.filter(|ready| ready.status != "True").map(|ready| {
                ready
                    .last_transition_time
                    .map_or(Timestamp::UNIX_EPOCH, |time| time.0)
            }),
        }
    }
}

/// The nodes that new pods of this placement may run on.
pub fn nodes<'a>(placement: &'a Placement, sites: &'a [Site]) -> impl Iterator<Item = &'a Site> {
    members(placement, sites).filter(|site| !site.cordoned)
}

/// The nodes of this placement, those included that take no new pods.
pub fn members<'a>(placement: &'a Placement, sites: &'a [Site]) -> impl Iterator<Item = &'a Site> {
    sites.iter().filter(|site| admits(placement, site))
}

/// The zones of a placement: as listed, else those of its nodes in alphabetical order, at most `limit` of them.
pub fn zones(placement: &Placement, sites: &[Site], limit: usize) -> Vec<String> {
    if !placement.zones.is_empty() {
        return placement.zones.clone();
    }
    let mut zones: Vec<_> = nodes(placement, sites)
        .filter_map(|site| site.labels.get(&placement.zone_label).cloned())
        .collect();
    zones.sort();
    zones.dedup();
    zones.truncate(limit);
    zones
}

/// What a node must be, in words.
pub fn describe(placement: &Placement) -> String {
    let labels = placement.node_labels.iter().map(|(k, v)| format!("{k}={v}"));
    let expressions = placement.node_expressions.iter().map(|e| {
        let values = e.values.clone().unwrap_or_default().join(",");
        format!("{} {} [{values}]", e.key, e.operator)
    });
    let all: Vec<_> = labels.chain(expressions).collect();
    if all.is_empty() {
        "any node without a taint".to_owned()
    } else {
        all.join(", ")
    }
}

fn admits(placement: &Placement, site: &Site) -> bool {
    let labelled = placement
        .node_labels
        .iter()
        .all(|(key, value)| site.labels.get(key) == Some(value));
    labelled
        && placement.node_expressions.iter().all(|e| meets(e, site))
        && site.taints.iter().all(|t| tolerated(t, &placement.tolerations))
}

/// Kubernetes' rules of `matchExpressions`: `NotIn` and `DoesNotExist` are met by a node without the label.
fn meets(requirement: &NodeSelectorRequirement, site: &Site) -> bool {
    let value = site.labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|v| values.contains(v));
    let number = |text: &String| text.parse::<i64>().ok();
    let compared = value
        .and_then(number)
        .zip(values.first().and_then(number))
        .map(|(have, bound)| have.cmp(&bound));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared.is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compared.is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}

/// `PreferNoSchedule` keeps no pod away, and the node's own condition taints pass by themselves.
fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    taint.effect == "PreferNoSchedule"
        || taint.key.starts_with("node.kubernetes.io/")
        || tolerations.iter().any(|t| {
            let effect = t
                .effect
                .as_deref()
                .is_none_or(|e| e.is_empty() || e == taint.effect);
            let key = t.key.as_deref().unwrap_or_default();
            let exists = t.operator.as_deref() == Some("Exists");
            let value = exists
                || t.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
            effect && value && (key == taint.key || (key.is_empty() && exists))
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn site(labels: &[(&str, &str)]) -> Site {
        Site {
            labels: labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Site::default()
        }
    }

    fn requirement(operator: &str, values: &[&str]) -> NodeSelectorRequirement {
        NodeSelectorRequirement {
            key: "k".to_owned(),
            operator: operator.to_owned(),
            values: Some(values.iter().map(|v| (*v).to_owned()).collect()),
        }
    }

    #[rstest]
    #[case("In", &["a", "b"], Some("a"), true)]
    #[case("In", &["a"], Some("b"), false)]
    #[case("NotIn", &["a"], Some("b"), true)]
    #[case("NotIn", &["a"], None, true)]
    #[case("NotIn", &["a"], Some("a"), false)]
    #[case("Exists", &[], Some("x"), true)]
    #[case("Exists", &[], None, false)]
    #[case("DoesNotExist", &[], None, true)]
    #[case("Gt", &["3"], Some("4"), true)]
    #[case("Gt", &["3"], Some("three"), false)]
    #[case("Lt", &["3"], Some("4"), false)]
    fn expressions(
        #[case] operator: &str,
        #[case] values: &[&str],
        #[case] label: Option<&str>,
        #[case] expected: bool,
    ) {
        let site = label.map_or_else(Site::default, |v| site(&[("k", v)]));
        assert_eq!(meets(&requirement(operator, values), &site), expected);
    }

    #[test]
    fn zones_are_sorted_distinct_and_only_of_the_sites_nodes() {
        let placement = Placement {
            node_labels: BTreeMap::from([("site".to_owned(), "cloud".to_owned())]),
            zone_label: "zone".to_owned(),
            ..Placement::default()
        };
        let sites = [
            site(&[("site", "cloud"), ("zone", "b")]),
            site(&[("site", "cloud"), ("zone", "a")]),
            site(&[("site", "cloud"), ("zone", "b")]),
            site(&[("site", "on-prem"), ("zone", "c")]),
        ];
        assert_eq!(zones(&placement, &sites, 9), ["a", "b"]);
        assert_eq!(zones(&placement, &sites, 1), ["a"]);
    }

    #[test]
    fn a_tainted_node_counts_only_where_its_taint_is_tolerated() {
        let mut control_plane = site(&[]);
        control_plane.taints = vec![Taint {
            key: "node-role.kubernetes.io/control-plane".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        }];
        let sites = [control_plane];
        assert_eq!(nodes(&Placement::default(), &sites).count(), 0);
        let tolerant = Placement {
            tolerations: vec![Toleration {
                operator: Some("Exists".to_owned()),
                ..Toleration::default()
            }],
            ..Placement::default()
        };
        assert_eq!(nodes(&tolerant, &sites).count(), 1);
    }
}
