//! What holds in any state of the world.

use std::{collections::BTreeSet, time::Duration};

use crds::names::Role;
use proptest::prelude::*;

use super::*;

prop_compose! {
    fn any_member(pod: String)(
        ready: bool, outdated: bool, terminating in prop::bool::weighted(0.1), stuck in prop::bool::weighted(0.1),
    ) -> Member {
        Member {
            uid: format!("uid-{pod}"),
            pod: pod.clone(),
            ready: ready && !terminating && !stuck,
            outdated,
            terminating,
            stuck: stuck.then(|| "CrashLoopBackOff".to_owned()),
            deleted_claim: None,
            unready_for: Duration::ZERO,
        }
    }
}

prop_compose! {
    fn any_group(template: Group)(
        members in template.members.iter().map(|m| any_member(m.pod.clone())).collect::<Vec<_>>(),
        present in 0..=template.members.len(), exists: bool, settled: bool, claims in 0..=template.desired,
    ) -> Group {
        Group {
            live: exists.then_some(template.desired),
            members: if exists { members[..present].to_vec() } else { vec![] },
            settled,
            claims,
            ..template.clone()
        }
    }
}

prop_compose! {
    fn any_engine(template: EngineView)(
        groups in template.groups.iter().cloned().map(any_group).collect::<Vec<_>>(),
        recorded in template.records.iter().map(|_| any::<bool>()).collect::<Vec<_>>(),
        unmarked: bool, placeable in prop::bool::weighted(0.9),
    ) -> EngineView {
        let records = template.records.iter().zip(recorded).map(|(record, recorded)| Record {
            milestone: record.milestone,
            recorded,
            unmarked,
        });
        EngineView {
            records: records.collect(),
            unplaceable: (!placeable).then(|| "no node".to_owned()),
            groups,
        }
    }
}

prop_compose! {
    fn any_bootstrap()(exists: bool, done: bool, due: bool) -> Bootstrap {
        Bootstrap { exists: exists || done, done, due, error: None }
    }
}

prop_compose! {
    fn any_view()(
        kafka in any_engine(converged().kafka), cassandra in any_engine(converged().cassandra),
        hdfs in any_engine(converged().hdfs),
        formats in prop::collection::btree_map(
            prop::sample::select(FormatTarget::ALL.to_vec()),
            prop::sample::select(vec![JobState::Running, JobState::Failed, JobState::Succeeded]),
            0..=3,
        ),
        name_nodes in prop::collection::btree_map(
            prop::sample::select(vec!["namenode-0".to_owned(), "namenode-1".to_owned()]),
            any::<(bool, bool)>().prop_map(|(active, safe_mode)| NameNodeState { active, safe_mode }),
            0..=2,
        ),
        topics in any_bootstrap(), schema in any_bootstrap(), archive in any_bootstrap(),
        ingest: bool, processor: bool,
        synced in prop::collection::vec(prop::sample::subsequence(vec!["broker-0", "broker-1", "broker-2"], 0..=3), 0..4),
    ) -> View {
        let mut view = converged();
        view.workers[0].exists = ingest;
        view.workers[1].exists = processor;
        let partitions = synced.iter().map(|pods| in_sync("t", pods)).collect();
        View { kafka, cassandra, hdfs, formats, name_nodes, topics, schema, archive, partitions: Told::Known(partitions), ..view }
    }
}

proptest! {
    #[test]
    fn no_state_leads_to_two_absent_members(view in any_view()) {
        let plan = plan(&view);
        for (engine, state) in view.engines() {
            let restarted: Vec<_> = plan.steps.iter().filter_map(|step| match step {
                Step::Restart { engine: of, pod, .. } if *of == engine => Some(pod),
                _ => None,
            }).collect();
            prop_assert!(restarted.len() <= 1);
            let Some(pod) = restarted.first() else { continue };
            let (_, next) = state.members().find(|(_, member)| member.pod == **pod).unwrap();
            prop_assert!(next.outdated);
            prop_assert!(next.stuck.is_some() || state.members().all(|(_, member)| !member.terminating));
            let excused = |group: &Group, member: &Member| {
                group.role == Role::NameNode
                    && pod.starts_with("datanode")
                    && view.name_nodes.get(&member.pod).is_some_and(|state| state.safe_mode)
            };
            let others_ready = state
                .members()
                .all(|(group, member)| member.ready || member.pod == next.pod || excused(group, member));
            prop_assert!(next.stuck.is_some() || others_ready);
            if next.ready && pod.starts_with("broker") {
                for partition in view.partitions.known().unwrap() {
                    prop_assert!(partition.in_sync.iter().filter(|p| *p != *pod).count() >= 2);
                }
            }
        }
    }

    #[test]
    fn nothing_is_formatted_twice_in_any_sequence_of_reconciliations(views in prop::collection::vec(any_view(), 1..12)) {
        let mut behind = BTreeSet::new();
        for mut view in views {
            // The records outlive everything else that is seen.
            for record in &mut view.hdfs.records {
                record.recorded |= behind.contains(&record.milestone);
            }
            let plan = plan(&view);
            for step in &plan.steps {
                if let Step::Format(target) = step {
                    let milestone = target.milestone();
                    prop_assert!(!view.hdfs.records.iter().any(|r| r.milestone == milestone && r.recorded));
                    prop_assert!(!view.formats.contains_key(target));
                }
            }
            for step in &plan.steps {
                if let Step::Record(milestone) = step {
                    behind.insert(*milestone);
                }
            }
        }
    }

    #[test]
    fn edits_are_shared_only_while_no_name_node_runs(view in any_view()) {
        let mut name_nodes = view.hdfs.groups_of(Role::NameNode);
        let runs = name_nodes.any(|group| group.live.unwrap_or(0) > 0 || !group.members.is_empty());
        let shares = plan(&view).steps.contains(&Step::Format(FormatTarget::JournalNodes));
        prop_assert!(!(shares && runs));
    }

    #[test]
    fn workers_start_only_after_what_they_need_and_stay(view in any_view()) {
        let plan = plan(&view);
        for (index, role, needs) in [
            (0, Role::Ingest, view.topics.exists),
            (1, Role::Processor, view.topics.exists && view.schema.exists && view.archive.exists),
        ] {
            let applied = plan.steps.contains(&Step::ApplyWorkers(role));
            prop_assert_eq!(applied, needs || view.workers[index].exists);
        }
    }

    #[test]
    fn no_store_shrinks(view in any_view()) {
        let plan = plan(&view);
        for (engine, state) in view.engines() {
            let allowed = plan.steps.iter().find_map(|step| match step {
                Step::ApplyEngine { engine: of, replicas } if *of == engine => Some(replicas),
                _ => None,
            });
            for group in &state.groups {
                let allowed = allowed.and_then(|allowed| allowed.get(&group.name));
                if let (Some(allowed), Some(live)) = (allowed, group.live) {
                    // NameNodes go away for a moment to share their edits.
                    let stops = group.role == Role::NameNode && !state.formed() && *allowed == 0;
                    prop_assert!(*allowed >= live || stops);
                }
            }
        }
    }

    #[test]
    fn each_condition_waits_for_one_thing(view in any_view()) {
        let plan = plan(&view);
        let mut conditions: Vec<_> = plan.awaited.iter().map(|awaited| awaited.condition).collect();
        conditions.sort_unstable();
        conditions.dedup();
        prop_assert_eq!(conditions.len(), plan.awaited.len());
    }
}
