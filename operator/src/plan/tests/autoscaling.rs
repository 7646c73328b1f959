//! The number of processors: what changes it, and what holds whatever happens.

use crds::{CryptoPipelineSpec, status::AutoscalingStatus};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;

use crate::plan::autoscaling::{Rule, Sight, processors};

/// From 2 to 12 workers, up beyond 60 s, down after ten minutes.
const RULE: Rule = Rule {
    min: 2,
    max: 12,
    max_behind: 60,
    quiet: SignedDuration::from_mins(10),
};

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_610_064_000 + second, 0).unwrap()
}

fn decided(replicas: i32) -> AutoscalingStatus {
    AutoscalingStatus {
        replicas,
        ..AutoscalingStatus::default()
    }
}

const fn behind(seconds: i64) -> Sight {
    Sight {
        behind: Some(seconds),
        waiting: false,
        complete: true,
    }
}

/// The numbers that come of looking every 15 s, each for as long as it lasts once.
fn course(rule: &Rule, mut status: AutoscalingStatus, looks: i64, sight: impl Fn(i64) -> Sight) -> Vec<i32> {
    let mut numbers = vec![status.replicas];
    for second in (0..looks).map(|look| look * 15) {
        status = rule.next(&status, sight(second), at(second));
        if numbers.last() != Some(&status.replicas) {
            numbers.push(status.replicas);
        }
    }
    numbers
}

#[test]
fn being_behind_doubles_the_number_at_once_and_again_a_minute_later() {
    let first = RULE.next(&decided(2), behind(61), at(0));
    assert_eq!(first.replicas, 4);
    assert_eq!(RULE.next(&first, behind(500), at(59)).replicas, 4);
    assert_eq!(RULE.next(&first, behind(61), at(60)).replicas, 8);
    assert_eq!(RULE.next(&decided(2), behind(60), at(0)).replicas, 2);
    assert_eq!(course(&RULE, decided(2), 100, |_| behind(61)), [2, 4, 8, 12]);
}

#[test]
fn quiet_takes_one_worker_after_each_ten_minutes() {
    assert_eq!(course(&RULE, decided(4), 39, |_| behind(30)), [4]);
    assert_eq!(course(&RULE, decided(4), 60, |_| behind(30)), [4, 3]);
    assert_eq!(course(&RULE, decided(4), 1_000, |_| behind(0)), [4, 3, 2]);
}

#[test]
fn a_moment_that_is_not_quiet_begins_the_quiet_anew() {
    let unsettled = |second| if second == 300 { behind(31) } else { behind(0) };
    assert_eq!(course(&RULE, decided(4), 45, unsettled), [4]);
    let silent = |second| Sight {
        behind: if second == 300 { None } else { Some(0) },
        ..behind(0)
    };
    assert_eq!(course(&RULE, decided(4), 45, silent), [4]);
}

#[test]
fn more_workers_are_not_asked_for_where_they_would_not_help() {
    let waiting = Sight {
        waiting: true,
        ..behind(5_000)
    };
    assert_eq!(course(&RULE, decided(2), 100, |_| waiting), [2]);
    let incomplete = Sight {
        complete: false,
        ..behind(5_000)
    };
    assert_eq!(course(&RULE, decided(2), 100, |_| incomplete), [2]);
    let unknown = Sight {
        behind: None,
        ..behind(0)
    };
    assert_eq!(course(&RULE, decided(4), 1_000, |_| unknown), [4]);
}

#[test]
fn changed_bounds_hold_at_once() {
    assert_eq!(RULE.next(&decided(20), behind(0), at(0)).replicas, 12);
    assert_eq!(RULE.next(&decided(1), behind(0), at(0)).replicas, 2);
}

#[test]
fn a_decision_changes_nothing_until_something_happens() {
    let first = RULE.next(&decided(4), behind(0), at(0));
    assert_eq!(first.quiet_since, Some(Time(at(0))));
    assert_eq!(RULE.next(&first, behind(0), at(15)), first);
}

fn spec(processor: serde_json::Value) -> CryptoPipelineSpec {
    serde_json::from_value(json!({
        "ingest": {"symbols": ["BTCUSDT"]},
        "kafka": {"topics": {"trades": {"partitions": 6}}},
        "processor": processor,
    }))
    .unwrap()
}

#[test]
fn the_number_is_the_users_while_autoscaling_is_off() {
    assert_eq!(processors(&spec(json!({"replicas": 3})), Some(&decided(5))), 3);
}

#[test]
fn the_number_begins_at_the_users_and_goes_on_where_it_was() {
    let spec = spec(json!({"replicas": 3, "autoscaling": {"enabled": true, "minReplicas": 2}}));
    assert_eq!(processors(&spec, None), 3);
    assert_eq!(processors(&spec, Some(&decided(5))), 5);
}

#[test]
fn no_bound_outweighs_the_number_of_partitions() {
    let spec = spec(json!({"autoscaling": {"enabled": true, "minReplicas": 8, "maxReplicas": 40}}));
    let rule = Rule::of(&spec).unwrap();
    assert_eq!((rule.min, rule.max), (6, 6));
}

prop_compose! {
    fn any_rule()(
        min in 1..20, more in 0..8, max_behind in 10..600_i64, minutes in 1..60_i64,
    ) -> Rule {
        Rule { min, max: min + more, max_behind, quiet: SignedDuration::from_mins(minutes) }
    }
}

prop_compose! {
    fn any_sight()(
        behind in prop::option::of(0..1_000_i64), waiting: bool, complete: bool,
    ) -> Sight {
        Sight { behind, waiting, complete }
    }
}

prop_compose! {
    fn any_decision()(
        replicas in 0..60, changed in prop::option::of(0..10_000_i64), quiet in prop::option::of(0..10_000_i64),
    ) -> AutoscalingStatus {
        AutoscalingStatus {
            replicas,
            changed_at: changed.map(|second| Time(at(second))),
            quiet_since: quiet.map(|second| Time(at(second))),
        }
    }
}

proptest! {
    #[test]
    fn the_number_never_leaves_its_bounds(
        rule in any_rule(), start in any_decision(), sights in prop::collection::vec(any_sight(), 1..200),
    ) {
        let mut status = start;
        for (look, sight) in (0..).zip(sights) {
            status = rule.next(&status, sight, at(look * 100));
            prop_assert!((rule.min..=rule.max).contains(&status.replicas));
        }
    }

    #[test]
    fn a_constant_sight_moves_the_number_in_one_direction_and_to_rest(
        rule in any_rule(), start in any_decision(), sight in any_sight(),
    ) {
        let inside = AutoscalingStatus { replicas: start.replicas.clamp(rule.min, rule.max), ..start };
        let looks = 10 * (rule.quiet.as_secs() / 15 + 2) + 1_000;
        let numbers = course(&rule, inside, looks, |_| sight);
        prop_assert!(numbers.is_sorted() || numbers.iter().rev().is_sorted(), "{numbers:?}");
        let last = *numbers.last().unwrap();
        let rest = course(&rule, AutoscalingStatus { replicas: last, ..AutoscalingStatus::default() }, looks, |_| sight);
        prop_assert_eq!(rest, [last]);
    }

    #[test]
    fn whoever_is_further_behind_never_gets_fewer(
        rule in any_rule(), start in any_decision(), sight in any_sight(), less in 0..1_000_i64, more in 0..1_000_i64,
        now in 0..20_000_i64,
    ) {
        let of = |behind| rule.next(&start, Sight { behind: Some(behind), ..sight }, at(now)).replicas;
        prop_assert!(of(less) <= of(less + more));
    }
}
