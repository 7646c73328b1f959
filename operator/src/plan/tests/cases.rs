//! One rule each.

use crds::{names::Role, status::condition};

use super::*;

#[test]
fn at_rest_nothing_is_awaited_restarted_or_bootstrapped() {
    let plan = plan(&converged());
    assert_eq!(plan.awaited, []);
    assert_eq!(plan.changing, [""; 0]);
    let applies = plan
        .steps
        .iter()
        .all(|step| matches!(step, Step::ApplyEngine { .. } | Step::ApplyWorkers(_)));
    assert!(applies, "{:?}", plan.steps);
}

#[test]
fn a_fresh_pipeline_starts_engines_together_and_formats_first() {
    let plan = plan(&fresh());
    // Brokers follow their controllers.
    assert_eq!(replicas(&plan, Engine::Kafka), [0, 3]);
    assert_eq!(replicas(&plan, Engine::Cassandra), [2, 1]);
    assert!(plan.steps.contains(&Step::Format(FormatTarget::NameNode)));
    let workers = plan
        .steps
        .iter()
        .any(|step| matches!(step, Step::ApplyWorkers(_)));
    assert!(!workers);
    assert_eq!(reason(&plan, condition::HDFS_READY), Some("Formatting"));
    assert_eq!(reason(&plan, condition::TOPICS_READY), Some("EngineNotReady"));
    assert_eq!(
        reason(&plan, condition::WORKERS_READY),
        Some("WaitingForBootstrap")
    );
}

#[test]
fn kafka_has_formed_once_its_controllers_are_ready() {
    let mut view = converged();
    forget(&mut view.kafka);
    view.kafka.groups[1].members[0].ready = false;
    assert!(plan(&view).steps.contains(&Step::Record(Milestone::KafkaFormed)));
    view.kafka.groups[0].members[0].ready = false;
    assert!(!plan(&view).steps.contains(&Step::Record(Milestone::KafkaFormed)));
}

#[test]
fn brokers_start_once_the_quorum_has_formed_and_at_once_where_it_had() {
    let mut view = fresh();
    view.kafka.records = converged().kafka.records;
    assert_eq!(replicas(&plan(&view), Engine::Kafka), [3, 3]);
    // Combined roles: the brokers are the quorum.
    view = fresh();
    view.kafka.groups.remove(0);
    assert_eq!(replicas(&plan(&view), Engine::Kafka), [3]);
}

#[test]
fn workers_start_as_what_they_need_exists() {
    let mut view = fresh();
    view.topics = done();
    let plan_without_sinks = plan(&view);
    assert!(
        plan_without_sinks
            .steps
            .contains(&Step::ApplyWorkers(Role::Ingest))
    );
    assert!(
        !plan_without_sinks
            .steps
            .contains(&Step::ApplyWorkers(Role::Processor))
    );
    view.hot_lane = false;
    view.archive = done();
    assert!(plan(&view).steps.contains(&Step::ApplyWorkers(Role::Processor)));
}

#[test]
fn an_outage_takes_nothing_away() {
    let mut view = converged();
    view.topics = missing();
    view.schema = missing();
    for member in &mut view.kafka.groups[1].members {
        member.ready = false;
    }
    view.cassandra.groups[0].members.clear();
    let plan = plan(&view);
    assert!(plan.steps.contains(&Step::ApplyWorkers(Role::Ingest)));
    assert!(plan.steps.contains(&Step::ApplyWorkers(Role::Processor)));
    assert_eq!(replicas(&plan, Engine::Cassandra), [2, 1]);
    assert_eq!(restarts(&plan), [""; 0]);
    assert_eq!(reason(&plan, condition::KAFKA_READY), Some("MembersNotReady"));
}

#[test]
fn a_site_without_nodes_holds_only_its_own_engine_back() {
    let mut view = fresh();
    view.cassandra.unplaceable = Some("no node of placement onPrem".to_owned());
    let plan = plan(&view);
    assert_eq!(
        reason(&plan, condition::CASSANDRA_READY),
        Some("PlacementUnsatisfied")
    );
    assert_eq!(replicas(&plan, Engine::Cassandra), [0; 0]);
    assert_eq!(replicas(&plan, Engine::Kafka), [0, 3]);
}

#[test]
fn controllers_restart_before_brokers_and_one_at_a_time() {
    let mut view = converged();
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-0", "broker-1", "broker-2"])]);
    for group in &mut view.kafka.groups {
        for member in &mut group.members {
            member.outdated = true;
        }
    }
    assert_eq!(restarts(&plan(&view)), ["controller-0"]);
    view.kafka.groups[0].members[0].outdated = false;
    view.kafka.groups[0].members[0].ready = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    for member in &mut view.kafka.groups[0].members {
        member.ready = true;
        member.outdated = false;
    }
    assert_eq!(restarts(&plan(&view)), ["broker-0"]);
}

#[test]
fn a_broker_waits_for_the_replicas_of_its_partitions() {
    let mut view = converged();
    view.kafka.groups[1].members[0].outdated = true;
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-0", "broker-1"])]);
    let waiting = plan(&view);
    assert_eq!(restarts(&waiting), [""; 0]);
    assert!(
        waiting.changing[0].contains("partition t-0"),
        "{:?}",
        waiting.changing
    );
    view.partitions = Told::default();
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    view.partitions = Told::Known(vec![in_sync("t-0", &["broker-1", "broker-2"])]);
    assert_eq!(restarts(&plan(&view)), ["broker-0"]);
}

#[test]
fn a_partition_with_too_few_replicas_does_not_block_for_ever() {
    let mut view = converged();
    view.kafka.groups[1].members[0].outdated = true;
    let single = Partition {
        name: "t-0".to_owned(),
        replicas: vec!["broker-0".to_owned()],
        in_sync: vec!["broker-0".to_owned()],
        minimum: 1,
    };
    view.partitions = Told::Known(vec![single]);
    assert_eq!(restarts(&plan(&view)), ["broker-0"]);
}

#[test]
fn a_bad_image_can_be_taken_back_while_nothing_runs() {
    let mut view = converged();
    for member in view
        .cassandra
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.members)
    {
        member.ready = false;
        member.outdated = true;
        member.stuck = Some("ImagePullBackOff".to_owned());
    }
    assert_eq!(restarts(&plan(&view)), ["cassandra-r0-0"]);
}

#[test]
fn nothing_restarts_while_revisions_are_unknown() {
    let mut view = converged();
    of(&mut view, Role::DataNode).members[0].outdated = true;
    assert_eq!(restarts(&plan(&view)), ["datanode-0"]);
    of(&mut view, Role::NameNode).settled = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn a_formed_ring_grows_one_node_at_a_time_and_a_store_never_shrinks() {
    let mut view = converged();
    view.cassandra.groups[0].desired = 3;
    view.cassandra.groups[1].desired = 3;
    assert_eq!(replicas(&plan(&view), Engine::Cassandra), [3, 1]);
    view.cassandra.groups[0].live = Some(3);
    assert_eq!(replicas(&plan(&view), Engine::Cassandra), [3, 1]);
    view.kafka.groups[1].desired = 1;
    assert_eq!(replicas(&plan(&view), Engine::Kafka), [3, 3]);
}

#[test]
fn a_ring_whose_volumes_were_kept_starts_with_all_its_members() {
    // After a deletion, and after somebody scaled the nodes away.
    for live in [None, Some(0)] {
        let mut view = converged();
        for group in &mut view.cassandra.groups {
            group.live = live;
            group.members.clear();
        }
        // Nothing is ready, so nothing may join, but every member that has a volume is one already.
        assert_eq!(replicas(&plan(&view), Engine::Cassandra), [2, 1]);
    }
}

#[test]
fn a_failed_bootstrap_says_why() {
    let mut view = converged();
    view.archive = Bootstrap {
        error: Some(("SafeMode", "NameNode is in safe mode".to_owned())),
        ..missing()
    };
    let plan = plan(&view);
    assert_eq!(reason(&plan, condition::ARCHIVE_READY), Some("SafeMode"));
    assert!(plan.steps.contains(&Step::Bootstrap(Part::Archive)));
}
