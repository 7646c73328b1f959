//! What is said of sites.

use crds::{
    names::LABEL_COMPONENT,
    wire::{LaneStatus, PartitionStatus, ProcessorStatus},
};
use k8s_openapi::api::core::v1::Pod;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{plan::View, reconcile::data_flow::Answers};

const NOW: Timestamp = Timestamp::constant(1_610_064_000, 0);
/// Up, or not ready for so many seconds.
type Nodes<'a> = &'a [Option<i64>];

fn ago(seconds: i64) -> Timestamp {
    NOW - SignedDuration::from_secs(seconds)
}

fn spec() -> CryptoPipelineSpec {
    let site = |site: &str| json!({"nodeLabels": {"site": site}});
    serde_json::from_value(json!({
        "placements": {"cloud": site("cloud"), "onPrem": site("on-prem")},
        "ingest": {"placement": "cloud", "symbols": ["BTCUSDT"]},
        "kafka": {"placement": "cloud"},
        "processor": {"placement": "cloud"},
        "cassandra": {"placement": "onPrem"},
        "hdfs": {"placement": "onPrem"},
    }))
    .unwrap()
}

/// One node in the cloud and these on the other site, each of which holds a member and a processor.
fn observed(on_prem: Nodes<'_>) -> Observed {
    let node = |name: String, site: &str, down: Option<i64>| Site {
        name,
        labels: BTreeMap::from([("site".to_owned(), site.to_owned())]),
        down_since: down.map(ago),
        ..Site::default()
    };
    let mut observed = Observed {
        sites: vec![node("cloud-0".to_owned(), "cloud", None)],
        ..Observed::default()
    };
    for (number, down) in on_prem.iter().enumerate() {
        let name = format!("on-prem-{number}");
        observed.sites.push(node(name.clone(), "on-prem", *down));
        for component in ["cassandra", "processor"] {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"name": format!("{component}-{number}"), "labels": {LABEL_COMPONENT: component}},
                "spec": {"nodeName": name, "containers": []},
            }))
            .unwrap();
            observed.pods.insert(pod.name_any(), pod);
        }
    }
    observed
}

fn probe(from_worker: bool, reached: bool) -> Probe {
    Probe {
        to: "onPrem".to_owned(),
        from_worker,
        reached,
        serving: true,
        what: "the hot lane to Cassandra",
    }
}

fn failing_for(seconds: i64) -> BTreeMap<String, PlacementStatus> {
    let status = PlacementStatus {
        data_plane: Reach::Unreachable,
        since: Some(Time(ago(seconds))),
        ..PlacementStatus::default()
    };
    BTreeMap::from([("onPrem".to_owned(), status)])
}

const YES: (bool, bool) = (true, true);
const NO: (bool, bool) = (true, false);
const OWN_YES: (bool, bool) = (false, true);
const OWN_NO: (bool, bool) = (false, false);

/// Nodes, probes, for how many seconds the data path has been failing, and the reason.
#[rstest]
#[case(&[None, None], &[YES, OWN_YES], 0, None)]
// Silent nodes are told at once: the API server has waited for them. Without a word of the data path it is a cut, too.
#[case(&[Some(1), Some(1)], &[NO, OWN_NO], 0, Some("LinkDown"))]
#[case(&[Some(1), Some(1)], &[], 0, Some("LinkDown"))]
#[case(&[Some(1), Some(1)], &[YES, OWN_NO], 0, Some("ControlPlaneOnly"))]
// Nodes ready through another path: only after a while, and only where two connections fail.
#[case(&[None, None], &[NO, NO], 29, None)]
#[case(&[None, None], &[NO, NO], 30, Some("DataPlaneOnly"))]
#[case(&[None, None], &[NO, OWN_NO], 30, Some("DataPlaneOnly"))]
#[case(&[None, None], &[OWN_NO, OWN_NO], 30, Some("DataPlaneOnly"))]
#[case(&[None, None], &[NO, NO, OWN_YES], 30, Some("DataPlaneOnly"))]
#[case(&[None, None], &[NO], 30, None)]
#[case(&[None, None], &[NO, YES, OWN_NO], 30, None)]
#[case(&[None, None], &[NO, OWN_NO, OWN_YES], 30, None)]
// One node of two is not the site.
#[case(&[Some(100), None], &[YES], 0, None)]
fn a_cut_is_told_by_its_kind(
    #[case] nodes: Nodes<'_>,
    #[case] seen: &[(bool, bool)],
    #[case] failing: i64,
    #[case] reason: Option<&str>,
) {
    let probes: Vec<Probe> = seen
        .iter()
        .map(|(worker, reached)| probe(*worker, *reached))
        .collect();
    let before = if failing > 0 {
        failing_for(failing)
    } else {
        BTreeMap::new()
    };
    let sites = Sites::of(&spec(), &observed(nodes), &probes, &before, NOW);
    assert_eq!(sites.cut.as_ref().map(|cut| cut.reason), reason, "{sites:?}");
    if let Some(cut) = sites.cut {
        assert!(cut.message.contains("site onPrem"), "{}", cut.message);
        assert!(cut.message.contains("on-prem-0, on-prem-1"), "{}", cut.message);
    }
}

#[test]
fn an_engine_that_is_down_by_itself_is_no_cut() {
    let down = Probe {
        serving: false,
        ..probe(true, false)
    };
    let sites = Sites::of(
        &spec(),
        &observed(&[None]),
        &[down.clone(), down],
        &failing_for(99),
        NOW,
    );
    assert_eq!(sites.cut, None);
}

#[test]
fn the_time_of_a_cut_is_kept_and_goes_with_it() {
    let fails = [probe(true, false), probe(true, false)];
    let first = Sites::of(&spec(), &observed(&[None]), &fails, &BTreeMap::new(), ago(40));
    let later = Sites::of(&spec(), &observed(&[None]), &fails, &first.placements, NOW);
    assert_eq!(later.placements["onPrem"].since, Some(Time(ago(40))));
    assert!(later.cut.unwrap().message.contains("since 2021-01-07T23:59:20Z"));
    let healed = Sites::of(
        &spec(),
        &observed(&[None]),
        &[probe(true, true)],
        &later.placements,
        NOW,
    );
    assert_eq!(
        (healed.cut, healed.placements["onPrem"].since.clone()),
        (None, None)
    );
}

#[test]
fn of_one_site_only_the_node_is_named_with_what_it_holds() {
    let one = serde_json::from_value(json!({"ingest": {"symbols": ["BTCUSDT"]}})).unwrap();
    let sites = Sites::of(
        &one,
        &observed(&[Some(90), None]),
        &[probe(true, false)],
        &BTreeMap::new(),
        NOW,
    );
    assert_eq!((sites.placements.len(), &sites.cut), (0, &None));
    let node = sites.trouble().unwrap();
    assert_eq!(node.reason, "NodeNotReady");
    let said = "node on-prem-0 is not ready since 2021-01-07T23:58:30Z; it holds cassandra-0, processor-0;";
    assert!(node.message.starts_with(said), "{}", node.message);
}

#[rstest]
#[case::another_node_is_up(&[Some(300), None], &["processor-0"])]
#[case::too_early(&[Some(299), None], &[])]
#[case::nowhere_to_go(&[Some(900), Some(900)], &[])]
fn a_worker_is_moved_only_where_it_has_somewhere_to_go(#[case] nodes: Nodes<'_>, #[case] moved: &[&str]) {
    let mut spec = spec();
    spec.processor.placement = Some("onPrem".to_owned());
    let observed = observed(nodes);
    let names = |spec: &CryptoPipelineSpec| {
        let pods = stranded(spec, &observed, NOW);
        pods.into_iter()
            .map(ResourceExt::name_any)
            .collect::<Vec<String>>()
    };
    assert_eq!(names(&spec), moved);
    // Without a placement it is Kubernetes' business.
    spec.processor.placement = None;
    assert_eq!(names(&spec), [""; 0]);
}

/// What the hot lane waits for and its lag, and whether that says that Cassandra is reached.
#[rstest]
#[case(Some("CassandraUnavailable"), 0, Some(false))]
#[case(Some("CassandraTimeout"), 0, Some(false))]
#[case(Some("CassandraSchemaMismatch"), 0, None)]
#[case(None, 14, Some(true))]
// It may be stuck, or only slow.
#[case(None, 15, None)]
fn a_lane_tells_whether_its_sink_is_reached(
    #[case] waiting: Option<&str>,
    #[case] lag_seconds: u64,
    #[case] reached: Option<bool>,
) {
    let partition = PartitionStatus {
        lag_seconds,
        ..PartitionStatus::default()
    };
    let lane = LaneStatus {
        waiting: waiting.map(str::to_owned),
        partitions: BTreeMap::from([(0, partition)]),
    };
    let processor = ProcessorStatus {
        archive: None,
        hot: Some(lane),
    };
    let answers = Answers {
        ingest: vec![],
        processors: vec![Some(processor)],
    };
    let told = |spec: &CryptoPipelineSpec| {
        let probes = probes(spec, &View::default(), &answers, &[]);
        let lane = probes.into_iter().find(|probe| probe.from_worker);
        lane.map(|probe| (probe.to, probe.reached))
    };
    assert_eq!(
        told(&spec()),
        reached.map(|reached| ("onPrem".to_owned(), reached))
    );
    // Beside its sink it says nothing of the way between sites.
    let mut beside = spec();
    beside.processor.placement = Some("onPrem".to_owned());
    assert_eq!(told(&beside), None);
}

#[test]
fn a_pod_that_has_left_its_node_or_ended_is_not_held_by_it() {
    let mut observed = observed(&[Some(90)]);
    observed.pods.remove("cassandra-0");
    let pod = observed.pods.get_mut("processor-0").unwrap();
    pod.metadata.deletion_timestamp = Some(Time(NOW));
    assert_eq!(nodes(&observed), None);
}
