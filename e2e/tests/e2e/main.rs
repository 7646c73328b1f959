//! The end-to-end tests: one cluster, one pipeline, one test after the other, the cheap and telling ones first. Each test makes
//! the shared pipeline where it is missing, so each can be run alone.
//!
//! `e2e/run.sh` brings up what they need and runs them; it takes the same arguments as this program (`--help` tells them).

mod broken_input;
mod candles;
mod compaction;
mod convergence;
mod cures;
mod cuts;
mod deaths;
mod deletion;
mod disks;
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
mod retention;
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
use clap::Parser;
use e2e::{
    cases::{self, Level, Listed, Results, Selection},
    cluster::Cluster,
    diagnostics, operator,
    sim::Sim,
    testbed::{self, Testbed},
};
use futures::future::{FutureExt, LocalBoxFuture};
use jiff::Timestamp;

/// No test may take longer.
const LIMIT: Duration = Duration::from_hours(1);

/// A test and what it proves.
struct Case {
    listed: Listed,
    run: fn(Cluster) -> LocalBoxFuture<'static, Result<()>>,
}

/// `case!(Gate 30, module::function)` is the test of that name, of that level, which took so many seconds last;
/// `case!(Gate 30, new module::function)` makes the testbed it needs by itself.
macro_rules! case {
    ($level:ident $seconds:literal, new $module:ident :: $function:ident) => {
        case!(@ $level $seconds $module $function |cluster| async move { $module::$function(&cluster).await }.boxed_local())
    };
    ($level:ident $seconds:literal, $module:ident :: $function:ident) => {
        case!(@ $level $seconds $module $function |cluster| {
            async move { $module::$function(&Testbed::ready(&cluster).await?).await }.boxed_local()
        })
    };
    (@ $level:ident $seconds:literal $module:ident $function:ident $run:expr) => {
        Case {
            listed: Listed {
                name: concat!(stringify!($module), "::", stringify!($function)),
                level: Level::$level,
                seconds: $seconds,
            },
            run: $run,
        }
    };
}

const CASES: [Case; 53] = [
    case!(Smoke 60, plain::every_trade_is_in_all_three_places_once),
    case!(Smoke 5, placement::every_pod_runs_on_its_site),
    case!(Gate 30, placement::a_site_without_nodes_is_named),
    case!(Gate 20, manifests::the_api_server_refuses_wrong_manifests),
    case!(Gate 30, manifests::conditions_name_what_the_api_server_cannot_see),
    case!(Gate 15, readers::the_topic_holds_the_recorded_bytes),
    case!(Nightly 15, readers::the_table_holds_the_recorded_fields),
    case!(Gate 20, readers::the_files_hold_the_recorded_fields),
    case!(Nightly 150, questions::the_guide_answers_what_it_promises),
    case!(Gate 60, broken_input::nothing_stops_and_nothing_is_hidden),
    case!(Gate 24, broken_input::what_was_corrected_arrives_once),
    case!(Gate 40, scaling::processors_come_and_go_during_the_stream),
    case!(Gate 240, life::a_changed_config_reaches_the_running_system),
    case!(Gate 256, kills::one_pod_of_every_kind_is_killed_during_the_stream),
    case!(Gate 60, ingest_loss::what_ingest_missed_is_fetched),
    case!(Gate 174, outages::the_archive_goes_on_without_cassandra),
    case!(Nightly 240, outages::the_table_goes_on_without_hdfs),
    case!(Nightly 301, outages::ingest_goes_on_without_kafka),
    case!(Nightly 97, shards::symbols_move_between_shards_without_a_gap),
    case!(Nightly 120, venues::coinbase_is_read_without_a_loss),
    case!(Nightly 180, replay::a_dump_is_played_into_all_three_places),
    case!(Nightly 240, replay::a_recording_holds_what_was_streamed),
    case!(Nightly 286, spark::it_reads_what_others_read),
    case!(Nightly 200, candles::they_equal_an_independent_computation),
    case!(Nightly 300, compaction::a_day_that_is_over_is_merged_and_no_reader_notices),
    case!(Nightly 1000, deaths::no_reader_ever_sees_a_trade_twice),
    // Leaves a testbed behind that was not made with two NameNodes, which the following tests take for any other.
    case!(Nightly 500, new failovers::one_name_node_becomes_two),
    case!(Nightly 150, failovers::the_active_name_node_is_killed),
    case!(Nightly 200, failovers::both_name_nodes_are_killed),
    case!(Nightly 150, failovers::two_journal_nodes_are_killed),
    case!(Nightly 120, failovers::the_zookeeper_leader_is_killed),
    case!(Nightly 250, failovers::a_name_node_loses_its_disk),
    case!(Nightly 150, failovers::a_journal_node_loses_its_disk),
    case!(Nightly 250, failovers::all_of_hdfs_starts_cold),
    case!(Nightly 700, storm::every_fault_is_outlived),
    case!(Nightly 116, storm::two_replicas_have_no_gap),
    case!(Nightly 33, storm::ids_that_restart_are_told),
    case!(Nightly 2_300, disks::three_data_nodes_lose_their_disks),
    case!(Nightly 400, disks::a_deleted_claim_stops_every_restart),
    case!(Nightly 900, cures::two_unready_members_are_cured_by_the_spec),
    case!(Nightly 600, cures::a_quota_that_is_too_small_is_named_and_raised),
    case!(Nightly 200, cures::an_exchange_out_of_reach_is_named),
    case!(Nightly 200, cures::a_node_that_was_away_for_weeks_comes_back),
    case!(Nightly 300, cuts::two_minutes),
    case!(Nightly 300, cuts::two_minutes_without_api_server),
    case!(Nightly 550, cuts::six_minutes),
    case!(Nightly 550, cuts::six_minutes_without_api_server),
    case!(Nightly 900, cuts::twelve_minutes),
    case!(Nightly 900, cuts::twelve_minutes_without_api_server),
    case!(Nightly 1000, new retention::a_short_outage_is_told_before_the_deadline),
    case!(Nightly 1500, new retention::a_long_outage_names_what_was_lost),
    case!(Gate 160, convergence::a_converged_pipeline_causes_no_write),
    case!(Gate 471, deletion::volumes_stay_and_are_adopted),
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    // `cargo test` and cargo-nextest start every test program, also without a cluster, and with arguments of their own.
    if std::env::var_os("CRYPTOPIPELINE_E2E").is_none() {
        eprintln!(
            "{} end-to-end tests are left out, as they need a cluster: run `make e2e`",
            CASES.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let selection = Selection::parse();
    let listed = CASES.map(|case| case.listed);
    let chosen = selection.choose(&listed);
    if selection.list {
        print!("{}", cases::render_table(&chosen, |_| None));
        return Ok(ExitCode::SUCCESS);
    }
    let mut results = Results::open()?;
    let cluster = Cluster::connect().await?;
    // One machine seldom holds two pipelines.
    cluster.delete_namespace(e2e::DEMO_NAMESPACE).await?;
    let began = Instant::now();
    for case in CASES.iter().filter(|case| chosen.contains(&case.listed)) {
        let name = case.listed.name;
        if selection.resume && results.of(name).is_some_and(|outcome| outcome.passed) {
            println!("\ntest {name}: has passed for commit {}", results.commit);
            continue;
        }
        let passed = run_and_tell(case, &cluster, &mut results).await?;
        if !passed && selection.fail_fast {
            break;
        }
        if !passed {
            // The next test starts from nothing rather than from a wreck.
            cluster.delete_namespace(testbed::NAMESPACE).await?;
        }
    }
    Ok(summary(&chosen, CASES.len(), &results, began.elapsed()))
}

/// Runs a test, records how it ended, and collects what there is to be seen where it failed. Says whether it passed.
async fn run_and_tell(case: &Case, cluster: &Cluster, results: &mut Results) -> Result<bool> {
    let name = case.listed.name;
    println!("\ntest {name}");
    let began = Instant::now();
    let failure = run(case, cluster).await.err();
    let seconds = began.elapsed().as_secs();
    results.record(name, failure.is_none(), seconds)?;
    let Some(error) = failure else {
        println!("test {name} ... ok <{seconds} s>");
        return Ok(true);
    };
    println!("    FAILED: {error:?}");
    let folder = diagnostics::collect(cluster, name, &[testbed::NAMESPACE, operator::NAMESPACE]).await?;
    println!("    objects, events and logs: {}", folder.display());
    // Trades that nobody waits for any more would get in the way of whoever uses this testbed next.
    if let Err(error) = Sim::at(cluster, testbed::NAMESPACE).stop_ordered().await {
        println!("    the test's stream goes on: {error:#}");
    }
    println!("test {name} ... FAILED <{seconds} s>");
    Ok(false)
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

/// The table, and the total in the words of `cargo test`. A night that goes on where it was counts what had passed before.
fn summary(chosen: &[Listed], all: usize, results: &Results, took: Duration) -> ExitCode {
    println!("\ncommit {}", results.commit);
    print!("{}", cases::render_table(chosen, |name| results.of(name)));
    let outcomes: Vec<_> = chosen.iter().filter_map(|case| results.of(case.name)).collect();
    if let Err(error) = cases::note_times(outcomes.iter().copied()) {
        println!("the times are not noted: {error:#}");
    }
    let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
    let failed = outcomes.len() - passed;
    let good = failed == 0 && passed == chosen.len() && passed > 0;
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out; finished in {}.00s",
        if good { "ok" } else { "FAILED" },
        all - outcomes.len(),
        took.as_secs(),
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
