//! Which member may go, by what is away, stuck, deleted, and by what engines tell of their data.

use crds::{names::Role, status::condition};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// The members of a role, all racks.
fn members(view: &mut View, role: Role) -> impl Iterator<Item = &mut Member> {
    let groups = match Engine::of(role).unwrap() {
        Engine::Kafka => &mut view.kafka.groups,
        Engine::Cassandra => &mut view.cassandra.groups,
        Engine::Hdfs => &mut view.hdfs.groups,
    };
    let groups = groups.iter_mut().filter(move |group| group.role == role);
    groups.flat_map(|group| &mut group.members)
}

/// Members that run, are not ready for so long, and have the cure before them.
fn unready(view: &mut View, role: Role, pods: &[&str], time: Duration) {
    for member in members(view, role).filter(|member| pods.contains(&member.pod.as_str())) {
        member.ready = false;
        member.outdated = true;
        member.unready_for = time;
    }
}

#[test]
fn two_unready_members_do_not_wait_for_each_other_for_ever() {
    for role in [
        Role::Cassandra,
        Role::NameNode,
        Role::JournalNode,
        Role::KafkaController,
        Role::ZooKeeper,
    ] {
        let mut view = converged();
        let pods: Vec<_> = members(&mut view, role)
            .take(2)
            .map(|member| member.pod.clone())
            .collect();
        let pods: Vec<_> = pods.iter().map(String::as_str).collect();
        if role == Role::NameNode {
            view.name_nodes.clear();
        }
        unready(&mut view, role, &pods, MINUTE);
        assert_eq!(restarts(&plan(&view)), [""; 0], "{role}: they may still recover");
        unready(&mut view, role, &pods, 5 * MINUTE);
        assert_eq!(restarts(&plan(&view)), [pods[0]], "{role}");
    }
}

#[test]
fn name_nodes_are_replaced_although_journal_nodes_wait_for_an_active_one() {
    let mut view = converged();
    view.name_nodes.clear();
    unready(
        &mut view,
        Role::NameNode,
        &["namenode-0", "namenode-1"],
        5 * MINUTE,
    );
    for member in members(&mut view, Role::JournalNode) {
        member.ready = false;
    }
    assert_eq!(restarts(&plan(&view)), ["namenode-0"]);
}

#[test]
fn a_single_broker_that_is_not_ready_is_replaced_although_kafka_says_nothing() {
    let mut view = converged();
    let brokers = of(&mut view, Role::KafkaBroker);
    brokers.desired = 1;
    brokers.live = Some(1);
    brokers.members.truncate(1);
    view.partitions = Told::Unknown("no broker runs".to_owned());
    unready(&mut view, Role::KafkaBroker, &["broker-0"], MINUTE);
    assert_eq!(restarts(&plan(&view)), ["broker-0"]);
}

#[test]
fn an_unready_broker_stays_while_partitions_need_it() {
    let mut view = converged();
    unready(&mut view, Role::KafkaBroker, &["broker-0"], MINUTE);
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-0", "broker-1"])]);
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-1"])]);
    assert_eq!(
        restarts(&plan(&view)),
        ["broker-0"],
        "it is no longer in sync and adds nothing"
    );
}

#[test]
fn a_node_that_streams_gets_more_time() {
    let mut view = converged();
    unready(
        &mut view,
        Role::Cassandra,
        &["cassandra-r0-0", "cassandra-r1-0"],
        10 * MINUTE,
    );
    view.ring = Told::Known(Ring {
        up: vec![],
        unsettled: Some("node 10.0.0.4 is in state BOOT".to_owned()),
    });
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    unready(
        &mut view,
        Role::Cassandra,
        &["cassandra-r0-0", "cassandra-r1-0"],
        31 * MINUTE,
    );
    assert_eq!(restarts(&plan(&view)), ["cassandra-r0-0"]);
}

#[test]
fn a_stuck_member_is_cured_although_another_one_hangs_on_a_lost_node() {
    let mut view = converged();
    let brokers = of(&mut view, Role::KafkaBroker);
    brokers.members[0].terminating = true;
    brokers.members[0].ready = false;
    brokers.members[1].stuck = Some("ImagePullBackOff".to_owned());
    brokers.members[1].ready = false;
    brokers.members[1].outdated = true;
    assert_eq!(restarts(&plan(&view)), ["broker-1"]);
}

#[test]
fn an_active_name_node_is_never_taken_for_stuck() {
    let mut view = converged();
    let name_nodes = of(&mut view, Role::NameNode);
    name_nodes.members[0].outdated = true;
    name_nodes.members[0].stuck = Some("CrashLoopBackOff".to_owned());
    name_nodes.members[0].ready = false;
    name_nodes.members[1].ready = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn a_claim_that_is_being_deleted_stops_every_restart_and_is_told() {
    for role in [
        Role::KafkaBroker,
        Role::KafkaController,
        Role::Cassandra,
        Role::DataNode,
        Role::JournalNode,
    ] {
        let mut view = converged();
        view.partitions = Told::Known(vec![]);
        for member in members(&mut view, role) {
            member.outdated = true;
            member.stuck = Some("CrashLoopBackOff".to_owned());
            member.ready = false;
        }
        members(&mut view, role).last().unwrap().deleted_claim = Some("data-x".to_owned());
        let plan = plan(&view);
        assert_eq!(restarts(&plan), [""; 0], "{role}");
        let engine = Engine::of(role).unwrap();
        let told = plan
            .awaited
            .iter()
            .find(|awaited| awaited.condition == engine.condition())
            .unwrap();
        assert_eq!(told.reason, "VolumeDeleting");
        assert!(told.message.contains("data-x"), "{}", told.message);
    }
}

#[test]
fn a_data_node_waits_until_every_block_has_its_copies() {
    let blocks = |change: fn(&mut Blocks)| {
        let mut view = converged();
        of(&mut view, Role::DataNode).members[0].outdated = true;
        let mut blocks = view.blocks.known().unwrap().clone();
        change(&mut blocks);
        view.blocks = Told::Known(blocks);
        plan(&view)
    };
    assert_eq!(restarts(&blocks(|_| {})), ["datanode-0"]);
    assert_eq!(restarts(&blocks(|blocks| blocks.missing = 1)), [""; 0]);
    assert_eq!(restarts(&blocks(|blocks| blocks.low = 1)), [""; 0]);
    assert_eq!(restarts(&blocks(|blocks| blocks.pending = 1)), [""; 0]);
    assert_eq!(restarts(&blocks(|blocks| blocks.gone = 1)), [""; 0]);
    assert_eq!(
        restarts(&blocks(|blocks| blocks
            .reported
            .retain(|pod| pod == "datanode-0"))),
        [""; 0]
    );
    let mut view = converged();
    of(&mut view, Role::DataNode).members[0].outdated = true;
    view.blocks = Told::default();
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn a_cassandra_node_waits_until_the_others_are_up_in_each_others_eyes() {
    let mut view = converged();
    of(&mut view, Role::Cassandra).members[0].outdated = true;
    assert_eq!(restarts(&plan(&view)), ["cassandra-r0-0"]);
    let Told::Known(ring) = view.ring.clone() else {
        unreachable!()
    };
    view.ring = Told::Known(Ring {
        up: vec!["cassandra-r0-0".to_owned(), "cassandra-r0-1".to_owned()],
        ..ring.clone()
    });
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    view.ring = Told::Known(Ring {
        unsettled: Some("the nodes do not agree on the schema yet".to_owned()),
        ..ring
    });
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    view.ring = Told::default();
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn hdfs_is_ready_only_while_every_block_has_its_copies() {
    let told = |blocks: Told<Blocks>, copying: bool| {
        let view = View {
            blocks,
            copying_blocks: copying,
            ..converged()
        };
        let awaited = plan(&view).awaited;
        let hdfs = awaited
            .into_iter()
            .find(|awaited| awaited.condition == condition::HDFS_READY);
        hdfs.map(|awaited| (awaited.reason, awaited.unknown))
    };
    let blocks = |missing, low, pending| {
        Told::Known(Blocks {
            missing,
            low,
            pending,
            ..Blocks::default()
        })
    };
    assert_eq!(told(blocks(0, 0, 0), false), None);
    assert_eq!(told(blocks(1, 5, 0), false), Some(("BlocksMissing", false)));
    assert_eq!(
        told(blocks(0, 5, 0), false),
        Some(("BlocksUnderReplicated", false))
    );
    let ghost = Told::Known(Blocks {
        gone: 1,
        ..Blocks::default()
    });
    assert_eq!(
        told(ghost, false),
        Some(("BlocksUnderReplicated", false)),
        "its copies still count"
    );
    // A file that was just closed, and the last copies of those that were made anew.
    assert_eq!(told(blocks(0, 0, 2), false), None);
    assert_eq!(
        told(blocks(0, 0, 2), true),
        Some(("BlocksUnderReplicated", false))
    );
    assert_eq!(told(Told::default(), false), Some(("BlocksUnknown", true)));
}

#[test]
fn kafka_and_cassandra_are_not_ready_while_writes_fail_or_nodes_are_unseen() {
    let mut view = converged();
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-0"])]);
    assert_eq!(
        reason(&plan(&view), condition::KAFKA_READY),
        Some("PartitionsBelowMinimum")
    );
    view.ring = Told::Known(Ring {
        up: vec!["cassandra-r0-0".to_owned()],
        unsettled: None,
    });
    assert_eq!(
        reason(&plan(&view), condition::CASSANDRA_READY),
        Some("NodesDown")
    );
}
