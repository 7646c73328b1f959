//! Nothing is disturbed: what the exchange issued is in Kafka, Cassandra and the archive, and the exchange had no complaint.

use anyhow::{Result, ensure};
use crds::wire::AuditReport;
use e2e::{
    audit,
    progress::note,
    proof::{self, Copies},
    recording, sim,
    testbed::Testbed,
};

/// The recorded symbol and the two derived ones, from the first trade to the last.
pub async fn every_trade_is_in_all_three_places_once(bed: &Testbed) -> Result<()> {
    let symbols = sim::LISTED.map(str::to_owned);
    let ledger = bed.sim.wait_finished(&symbols).await?;
    let recorded = ledger.symbols[recording::SYMBOL].issued;
    ensure!(
        recorded == 2_001,
        "the exchange issued {recorded} recorded trades, not 2001"
    );
    ensure!(
        ledger.violations.is_empty(),
        "ingest broke rules of the exchange: {:?}",
        ledger.recent_violations
    );

    let judge = |report: &AuditReport| proof::complete(report, &ledger, &symbols, Copies::None);
    let trades = audit::prove(&bed.pipeline, &symbols, judge).await?;
    note(format_args!("{trades} trades, in all three places exactly once"));
    Ok(())
}
