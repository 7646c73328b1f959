//! How HDFS forms, and how it is restarted.

use crds::{names::Role, status::condition};

use super::*;

/// Replicas that a plan gives to HDFS' StatefulSets, by name.
fn allowed(plan: &Plan) -> BTreeMap<String, i32> {
    let applied = plan.steps.iter().find_map(|step| match step {
        Step::ApplyEngine {
            engine: Engine::Hdfs,
            replicas,
        } => Some(replicas.clone()),
        _ => None,
    });
    applied.unwrap_or_default()
}

fn names(plan: &Plan) -> Vec<String> {
    allowed(plan).into_keys().collect()
}

fn formats(plan: &Plan) -> Vec<FormatTarget> {
    let format = |step: &Step| match step {
        Step::Format(target) => Some(*target),
        _ => None,
    };
    plan.steps.iter().filter_map(format).collect()
}

fn record(view: &mut View, milestone: Milestone) {
    let mut records = view.hdfs.records.iter_mut();
    records
        .find(|record| record.milestone == milestone)
        .unwrap()
        .recorded = true;
}

/// The StatefulSet runs as asked for.
fn start(view: &mut View, role: Role) {
    let group_now = of(view, role);
    *group_now = group(role, &group_now.name, group_now.desired);
}

/// A pipeline at rest with a single NameNode.
fn single() -> View {
    let mut view = converged();
    view.hdfs = running(
        &[Milestone::NameNodeFormatted],
        vec![
            group(Role::NameNode, "namenode", 1),
            group(Role::DataNode, "datanode", 3),
        ],
    );
    view.formats.retain(|target, _| *target == FormatTarget::NameNode);
    view.name_nodes.remove("namenode-1");
    view
}

/// The same, just asked for a second NameNode.
fn growing() -> View {
    let mut view = converged();
    for milestone in [Milestone::EditsShared, Milestone::FailoverFormatted] {
        let mut records = view.hdfs.records.iter_mut();
        records
            .find(|record| record.milestone == milestone)
            .unwrap()
            .recorded = false;
    }
    for role in [Role::ZooKeeper, Role::JournalNode] {
        let group = of(&mut view, role);
        group.live = None;
        group.members.clear();
    }
    let name_node = of(&mut view, Role::NameNode);
    name_node.live = Some(1);
    name_node.members.truncate(1);
    view.formats.retain(|target, _| *target == FormatTarget::NameNode);
    view.name_nodes.remove("namenode-1");
    view
}

#[test]
fn a_job_goes_once_what_it_did_is_recorded() {
    let mut view = growing();
    view.formats.insert(FormatTarget::NameNode, JobState::Succeeded);
    view.formats.insert(FormatTarget::ZooKeeper, JobState::Succeeded);
    let cleared = |plan: &Plan| {
        let clear = |step: &Step| match step {
            Step::Clear(target) => Some(*target),
            _ => None,
        };
        plan.steps.iter().filter_map(clear).collect::<Vec<_>>()
    };
    assert_eq!(cleared(&plan(&view)), [FormatTarget::NameNode]);
    record(&mut view, Milestone::FailoverFormatted);
    assert_eq!(
        cleared(&plan(&view)),
        [FormatTarget::NameNode, FormatTarget::ZooKeeper]
    );
    view.formats.insert(FormatTarget::ZooKeeper, JobState::Failed);
    assert_eq!(cleared(&plan(&view)), [FormatTarget::NameNode]);
}

#[test]
fn a_single_name_node_needs_nothing_beside_it() {
    let mut view = single();
    assert_eq!(names(&plan(&view)), ["datanode", "namenode"]);
    view.formats.clear();
    forget(&mut view.hdfs);
    for group in &mut view.hdfs.groups {
        group.live = None;
        group.members.clear();
    }
    let plan = plan(&view);
    assert_eq!(formats(&plan), [FormatTarget::NameNode]);
    assert_eq!(names(&plan), [""; 0]);
    assert_eq!(reason(&plan, condition::HDFS_READY), Some("Formatting"));
}

#[test]
fn name_nodes_start_once_everything_is_formatted_in_order() {
    let mut view = fresh();
    let first = plan(&view);
    assert_eq!(names(&first), ["journalnode", "zookeeper"]);
    assert_eq!(formats(&first), [FormatTarget::NameNode]);

    view.formats.insert(FormatTarget::NameNode, JobState::Succeeded);
    start(&mut view, Role::ZooKeeper);
    start(&mut view, Role::JournalNode);
    let second = plan(&view);
    assert!(second.steps.contains(&Step::Record(Milestone::NameNodeFormatted)));
    assert_eq!(formats(&second), [FormatTarget::ZooKeeper]);

    record(&mut view, Milestone::NameNodeFormatted);
    view.formats.insert(FormatTarget::ZooKeeper, JobState::Succeeded);
    assert_eq!(formats(&plan(&view)), []);
    record(&mut view, Milestone::FailoverFormatted);
    let third = plan(&view);
    assert_eq!(formats(&third), [FormatTarget::JournalNodes]);
    assert_eq!(names(&third), ["journalnode", "zookeeper"]);

    record(&mut view, Milestone::EditsShared);
    let last = plan(&view);
    assert_eq!(formats(&last), []);
    assert_eq!(allowed(&last)["namenode"], 2);
    assert_eq!(allowed(&last)["datanode"], 3);
}

#[test]
fn what_is_formatted_is_not_formatted_again_when_its_jobs_and_disks_are_gone() {
    let mut view = fresh();
    for target in FormatTarget::ALL {
        record(&mut view, target.milestone());
    }
    let plan = plan(&view);
    assert_eq!(formats(&plan), []);
    assert_eq!(allowed(&plan).into_values().collect::<Vec<_>>(), [3, 3, 2, 3]);
}

#[test]
fn a_second_name_node_stops_the_first_no_sooner_than_its_edits_can_be_shared() {
    let mut view = growing();
    assert_eq!(names(&plan(&view)), ["journalnode", "zookeeper"]);
    start(&mut view, Role::ZooKeeper);
    assert_eq!(formats(&plan(&view)), [FormatTarget::ZooKeeper]);
    record(&mut view, Milestone::FailoverFormatted);
    assert_eq!(names(&plan(&view)), ["journalnode", "zookeeper"]);

    start(&mut view, Role::JournalNode);
    let stopping = plan(&view);
    assert_eq!(allowed(&stopping)["namenode"], 0);
    assert_eq!(formats(&stopping), []);
    assert_eq!(reason(&stopping, condition::HDFS_READY), Some("Stopping"));

    of(&mut view, Role::NameNode).live = Some(0);
    assert_eq!(formats(&plan(&view)), [], "its pod is still there");
    of(&mut view, Role::NameNode).members.clear();
    assert_eq!(formats(&plan(&view)), [FormatTarget::JournalNodes]);

    view.formats.insert(FormatTarget::JournalNodes, JobState::Running);
    of(&mut view, Role::JournalNode).members[0].ready = false;
    assert_eq!(
        allowed(&plan(&view))["namenode"],
        0,
        "stays away while they are copied"
    );
    view.formats
        .insert(FormatTarget::JournalNodes, JobState::Succeeded);
    assert!(plan(&view).steps.contains(&Step::Record(Milestone::EditsShared)));
    record(&mut view, Milestone::EditsShared);
    assert_eq!(allowed(&plan(&view))["namenode"], 2);
}

#[test]
fn a_job_that_gave_up_is_told_before_everything_else() {
    let mut view = growing();
    view.formats.insert(FormatTarget::ZooKeeper, JobState::Failed);
    let plan = plan(&view);
    assert_eq!(reason(&plan, condition::HDFS_READY), Some("FormatFailed"));
    assert_eq!(formats(&plan), []);
}

#[test]
fn a_running_name_node_is_recorded_as_formatted_and_never_formatted() {
    let mut view = converged();
    forget(&mut view.hdfs);
    view.formats.clear();
    let plan = plan(&view);
    assert!(!formats(&plan).contains(&FormatTarget::NameNode));
    assert!(plan.steps.contains(&Step::Record(Milestone::NameNodeFormatted)));
}

#[test]
fn the_standby_restarts_before_the_active_name_node() {
    let mut view = converged();
    for member in &mut of(&mut view, Role::NameNode).members {
        member.outdated = true;
    }
    assert_eq!(restarts(&plan(&view)), ["namenode-1"]);
    view.name_nodes = BTreeMap::from([
        ("namenode-0".to_owned(), STANDBY),
        ("namenode-1".to_owned(), ACTIVE),
    ]);
    assert_eq!(restarts(&plan(&view)), ["namenode-0"]);
    of(&mut view, Role::NameNode).members[0].outdated = false;
    assert_eq!(restarts(&plan(&view)), ["namenode-1"]);
}

#[test]
fn no_name_node_restarts_while_none_says_that_it_is_active() {
    let mut view = converged();
    of(&mut view, Role::NameNode).members[0].outdated = true;
    view.name_nodes.clear();
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn journal_nodes_restart_one_by_one_as_they_get_edits_again() {
    let mut view = converged();
    for member in &mut of(&mut view, Role::JournalNode).members {
        member.outdated = true;
    }
    assert_eq!(restarts(&plan(&view)), ["journalnode-0"]);
    let first = &mut of(&mut view, Role::JournalNode).members[0];
    first.outdated = false;
    first.ready = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn a_standby_that_waits_for_data_nodes_does_not_hold_their_restart_up() {
    let mut view = converged();
    for member in &mut of(&mut view, Role::DataNode).members {
        member.outdated = true;
    }
    of(&mut view, Role::NameNode).members[1].ready = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
    let in_safe_mode = NameNodeState {
        safe_mode: true,
        ..STANDBY
    };
    view.name_nodes.insert("namenode-1".to_owned(), in_safe_mode);
    assert_eq!(restarts(&plan(&view)), ["datanode-0"]);
    let restarted = &mut of(&mut view, Role::DataNode).members[0];
    restarted.outdated = false;
    restarted.ready = false;
    assert_eq!(restarts(&plan(&view)), [""; 0]);
}

#[test]
fn an_hdfs_without_an_active_name_node_is_not_ready() {
    let mut view = converged();
    view.name_nodes.insert("namenode-0".to_owned(), STANDBY);
    assert_eq!(
        reason(&plan(&view), condition::HDFS_READY),
        Some("NoActiveNameNode")
    );
    // One that does not answer may be the active one.
    view.name_nodes.remove("namenode-0");
    assert_eq!(reason(&plan(&view), condition::HDFS_READY), None);
}
