//! The end-to-end tests: one cluster, one pipeline, one test after the other, the cheap and telling ones first. Each test makes
//! the shared pipeline where it is missing, so each can be run alone.
//!
//! `e2e/run.sh` runs them all; with the cluster, images and chart in place `CRYPTOPIPELINE_E2E=1 cargo test --workspace --test e2e -- NAME…`
//! runs those whose name contains one of the words. `--fail-fast` stops at a failure and leaves everything as it is.

mod broken_input;
mod candles;
mod compaction;
mod convergence;
mod deaths;
mod deletion;
mod failovers;
mod ingest_loss;
mod kills;
mod life;
mod manifests;
mod outages;
mod placement;
mod plain;
mod questions;
mod readers;
mod replay;
mod scaling;
mod shards;
mod spark;
mod storm;
mod venues;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use e2e::{
    cluster::Cluster,
    diagnostics, operator,
    sim::Sim,
    testbed::{self, Testbed},
};
use futures::future::{FutureExt, LocalBoxFuture};
use jiff::Timestamp;

/// No test may take longer.
const LIMIT: Duration = Duration::from_mins(30);

/// How a test ended.
struct Outcome {
    name: &'static str,
    failure: Option<String>,
    seconds: u64,
}

/// A test and what it proves.
struct Case {
    name: &'static str,
    run: fn(Cluster) -> LocalBoxFuture<'static, Result<()>>,
}

/// `case!(module::function)` is the test of that name; `case!(new module::function)` makes the testbed it needs by itself.
macro_rules! case {
    (new $module:ident :: $function:ident) => {
        Case {
            name: concat!(stringify!($module), "::", stringify!($function)),
            run: |cluster| async move { $module::$function(&cluster).await }.boxed_local(),
        }
    };
    ($module:ident :: $function:ident) => {
        Case {
            name: concat!(stringify!($module), "::", stringify!($function)),
            run: |cluster| {
                async move { $module::$function(&Testbed::ready(&cluster).await?).await }.boxed_local()
            },
        }
    };
}

const CASES: [Case; 39] = [
    case!(plain::every_trade_is_in_all_three_places_once),
    case!(placement::every_pod_runs_on_its_site),
    case!(placement::a_site_without_nodes_is_named),
    case!(manifests::the_api_server_refuses_wrong_manifests),
    case!(manifests::conditions_name_what_the_api_server_cannot_see),
    case!(readers::the_topic_holds_the_recorded_bytes),
    case!(readers::the_table_holds_the_recorded_fields),
    case!(readers::the_files_hold_the_recorded_fields),
    case!(questions::the_guide_answers_what_it_promises),
    case!(broken_input::nothing_stops_and_nothing_is_hidden),
    case!(broken_input::what_was_corrected_arrives_once),
    case!(scaling::processors_come_and_go_during_the_stream),
    case!(life::a_changed_config_reaches_the_running_system),
    case!(kills::one_pod_of_every_kind_is_killed_during_the_stream),
    case!(ingest_loss::what_ingest_missed_is_fetched),
    case!(outages::the_archive_goes_on_without_cassandra),
    case!(outages::the_table_goes_on_without_hdfs),
    case!(outages::ingest_goes_on_without_kafka),
    case!(shards::symbols_move_between_shards_without_a_gap),
    case!(venues::coinbase_is_read_without_a_loss),
    case!(replay::a_dump_is_played_into_all_three_places),
    case!(replay::a_recording_holds_what_was_streamed),
    case!(spark::it_reads_what_others_read),
    case!(candles::they_equal_an_independent_computation),
    case!(compaction::a_day_that_is_over_is_merged_and_no_reader_notices),
    case!(deaths::no_reader_ever_sees_a_trade_twice),
    // Leaves a testbed behind that was not made with two NameNodes, which the following tests take for any other.
    case!(new failovers::one_name_node_becomes_two),
    case!(failovers::the_active_name_node_is_killed),
    case!(failovers::both_name_nodes_are_killed),
    case!(failovers::two_journal_nodes_are_killed),
    case!(failovers::the_zookeeper_leader_is_killed),
    case!(failovers::a_name_node_loses_its_disk),
    case!(failovers::a_journal_node_loses_its_disk),
    case!(failovers::all_of_hdfs_starts_cold),
    case!(storm::every_fault_is_outlived),
    case!(storm::two_replicas_have_no_gap),
    case!(storm::ids_that_restart_are_told),
    case!(convergence::a_converged_pipeline_causes_no_write),
    case!(deletion::volumes_stay_and_are_adopted),
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    if std::env::var_os("CRYPTOPIPELINE_E2E").is_none() {
        println!(
            "test result: ok. 0 passed; 0 failed; {} ignored, as they need a cluster: run `make e2e`",
            CASES.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (flags, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let fail_fast = flags.iter().any(|flag| flag == "--fail-fast");
    let wanted =
        |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()));

    let cluster = Cluster::connect().await?;
    // One machine seldom holds two pipelines.
    cluster.delete_namespace(e2e::DEMO_NAMESPACE).await?;
    let mut outcomes = Vec::new();
    for case in CASES.iter().filter(wanted) {
        println!("\ntest {}", case.name);
        let began = Instant::now();
        let failure = run(case, &cluster).await.err();
        let failed = failure.is_some();
        if let Some(error) = &failure {
            println!("    FAILED: {error:?}");
            let folder =
                diagnostics::collect(&cluster, case.name, &[testbed::NAMESPACE, operator::NAMESPACE]).await?;
            println!("    objects, events and logs: {}", folder.display());
            // Trades that nobody waits for any more would get in the way of whoever uses this testbed next.
            if let Err(error) = Sim::at(&cluster, testbed::NAMESPACE).stop_ordered().await {
                println!("    the test's stream goes on: {error:#}");
            }
        }
        outcomes.push(Outcome {
            name: case.name,
            failure: failure.map(|error| format!("{error:#}")),
            seconds: began.elapsed().as_secs(),
        });
        if failed && fail_fast {
            break;
        }
        if failed {
            // The next test starts from nothing rather than from a wreck.
            cluster.delete_namespace(testbed::NAMESPACE).await?;
        }
    }
    Ok(summary(&outcomes))
}

/// The test itself, and after it a look into the operator's log and the exchange's.
async fn run(case: &Case, cluster: &Cluster) -> Result<()> {
    let since = Timestamp::now();
    tokio::time::timeout(LIMIT, (case.run)(cluster.clone())).await??;
    let errors = operator::errors_since(cluster, since).await?;
    ensure!(
        errors.is_empty(),
        "the operator logged errors:\n{}",
        errors.join("\n")
    );
    let mut broken = Sim::at(cluster, testbed::NAMESPACE)
        .ledger()
        .await?
        .recent_violations;
    broken.retain(|violation| i128::from(violation.time) >= i128::from(since.as_millisecond()));
    ensure!(broken.is_empty(), "rules of the exchange were broken: {broken:?}");
    Ok(())
}

/// One line per test, why those that failed did so, and the total, in the words of `cargo test`.
fn summary(outcomes: &[Outcome]) -> ExitCode {
    println!();
    for Outcome {
        name,
        failure,
        seconds,
    } in outcomes
    {
        let verdict = if failure.is_some() { "FAILED" } else { "ok" };
        println!("test {name} ... {verdict} <{seconds} s>");
    }
    let failures: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome.name, outcome.failure.as_ref()?)))
        .collect();
    for (name, failure) in &failures {
        println!("\n{name} failed: {failure}");
    }
    let failed = failures.len();
    let seconds: u64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    let good = failed == 0 && !outcomes.is_empty();
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out; finished in {seconds}.00s",
        if good { "ok" } else { "FAILED" },
        outcomes.len() - failed,
        CASES.len() - outcomes.len(),
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
