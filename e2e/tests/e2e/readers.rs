//! What independent clients read is what was recorded: the Kafka topic by kafka-python, the table by the Python driver, the
//! Parquet files by `DuckDB`.

use anyhow::{Context, Result, ensure};
use e2e::{
    audit,
    progress::note,
    proof::{self, Copies},
    readers::read,
    recording::{self, Trade},
    testbed::Testbed,
};

/// Record values are the exchange's own events, byte for byte.
pub async fn the_topic_holds_the_recorded_bytes(bed: &Testbed) -> Result<()> {
    let recorded = recording::lines()?;
    same(&recorded, &read_recorded(bed, "topic").await?)
}

/// Prices and quantities are exact decimals, times are exact.
pub async fn the_table_holds_the_recorded_fields(bed: &Testbed) -> Result<()> {
    same_trades(bed, "table").await
}

/// As the table; besides, every row lies in the folder of its hour.
pub async fn the_files_hold_the_recorded_fields(bed: &Testbed) -> Result<()> {
    same_trades(bed, "files").await
}

async fn same_trades(bed: &Testbed, store: &str) -> Result<()> {
    let recorded: Vec<Trade> = recording::trades(&recording::lines()?)?;
    let found = recording::trades(&read_recorded(bed, store).await?)?;
    same(&recorded, &found)
}

async fn read_recorded(bed: &Testbed, store: &str) -> Result<Vec<String>> {
    recorded_is_everywhere(bed).await?;
    read(&bed.pipeline, &[store, recording::SYMBOL]).await
}

/// Waits until every recorded trade is in all three places.
pub async fn recorded_is_everywhere(bed: &Testbed) -> Result<()> {
    let symbols = [recording::SYMBOL.to_owned()];
    let ledger = bed.sim.wait_finished(&symbols).await?;
    audit::prove(&bed.pipeline, &symbols, |report| {
        proof::complete(report, &ledger, &symbols, Copies::None)
    })
    .await?;
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(recorded: &[T], found: &[T]) -> Result<()> {
    let count = recorded.len();
    ensure!(
        found.len() == count,
        "{count} trades are recorded, {} were read",
        found.len()
    );
    let differing = recorded
        .iter()
        .zip(found)
        .find(|(recorded, found)| recorded != found);
    if let Some((recorded, found)) = differing {
        return Err(anyhow::anyhow!("{found:?}"))
            .with_context(|| format!("{recorded:?} is recorded, another was read"));
    }
    note(format_args!("{count} trades equal the recorded ones"));
    Ok(())
}
