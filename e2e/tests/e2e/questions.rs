//! The queries of docs/querying.md, run as they stand there, answer what the recording says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::{
    progress::note,
    readers::read,
    recording::{self, Trade},
    testbed::Testbed,
};
use serde::Deserialize;

use crate::readers::recorded_is_everywhere;

/// A query and its answer, every value as text.
#[derive(Debug, Deserialize)]
struct Answer {
    query: String,
    rows: Vec<BTreeMap<String, String>>,
}

/// Each is run by a client that shares no code with the workers; figures are computed from the recording by other means.
pub async fn the_guide_answers_what_it_promises(bed: &Testbed) -> Result<()> {
    recorded_is_everywhere(bed).await?;
    let answers: Vec<Answer> = read(&bed.pipeline, &["questions"])
        .await?
        .iter()
        .map(|line| serde_json::from_str(line).with_context(|| line.clone()))
        .collect::<Result<_>>()?;
    let trades = recording::trades(&recording::lines()?)?;
    let last = trades.last().context("an empty recording")?;

    let latest = row(&answers, "FROM latest")?;
    ensure!(units(&latest["price"])? == units(&last.p)?, "{latest:?}");
    let newest = row(&answers, "LIMIT 10;")?;
    ensure!(newest["trade_id"] == last.t.to_string(), "{newest:?}");
    let part = answer(&answers, "00:00:15.000")?.rows.len();
    let expected = trades
        .iter()
        .filter(|trade| (15_000..30_000).contains(&(trade.time % 86_400_000)))
        .count();
    ensure!(
        part == expected,
        "{part} trades of {expected} in a quarter of a minute"
    );

    let last_price = row(&answers, "AS last_price")?;
    ensure!(
        units(&last_price["last_price"])? == units(&last.p)?,
        "{last_price:?}"
    );
    let prices = trades
        .iter()
        .map(|trade| units(&trade.p))
        .collect::<Result<Vec<_>>>()?;
    let figures = ["open", "high", "low", "close"];
    let expected = [
        prices.first(),
        prices.iter().max(),
        prices.iter().min(),
        prices.last(),
    ];
    // The recording lies within one minute.
    for query in ["FROM candles", "date_trunc('minute', trade_time) AS open_time"] {
        let candle = row(&answers, query)?;
        for (figure, expected) in figures.into_iter().zip(expected) {
            ensure!(Some(&units(&candle[figure])?) == expected, "{figure}: {candle:?}");
        }
        ensure!(
            units(&candle["volume"])? == sum(&trades, |_| true)?
                && candle["trades"] == trades.len().to_string(),
            "{candle:?}"
        );
    }
    let volume = sum(&trades, |_| true)?;
    let bought = sum(&trades, |trade| !trade.m)?;
    let hour = row(&answers, "AS taker_buy_volume")?;
    ensure!(
        units(&hour["volume"])? == volume && units(&hour["taker_buy_volume"])? == bought,
        "{hour:?}"
    );
    let largest = row(&answers, "AS quote_quantity")?;
    let size = |trade: &Trade| {
        Ok::<_, anyhow::Error>((units(&trade.p)? * units(&trade.q)?, std::cmp::Reverse(trade.t)))
    };
    let biggest = trades
        .iter()
        .map(size)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .max();
    ensure!(
        biggest.is_some_and(|biggest| largest["trade_id"] == biggest.1.0.to_string()),
        "{largest:?}"
    );
    let whole = row(&answers, "AS doubles")?;
    ensure!(whole["missing"] == "0" && whole["doubles"] == "0", "{whole:?}");
    note(format_args!("{} questions answered", answers.len()));
    Ok(())
}

fn answer<'a>(answers: &'a [Answer], part: &str) -> Result<&'a Answer> {
    let found = answers.iter().find(|answer| answer.query.contains(part));
    found.with_context(|| format!("the guide has no query with {part}"))
}

/// The recorded symbol's first row.
fn row<'a>(answers: &'a [Answer], part: &str) -> Result<&'a BTreeMap<String, String>> {
    let answer = answer(answers, part)?;
    let of_symbol =
        |row: &&BTreeMap<String, String>| row.get("symbol").is_none_or(|symbol| symbol == recording::SYMBOL);
    let found = answer.rows.iter().find(of_symbol);
    found.with_context(|| format!("no answer to {}", answer.query))
}

/// A number in units of the eighth decimal.
fn units(number: &str) -> Result<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    ensure!(fraction.len() <= 8, "{number} has more than eight decimals");
    Ok(format!("{whole}{fraction:0<8}").parse()?)
}

fn sum(trades: &[Trade], counts: impl Fn(&Trade) -> bool) -> Result<i128> {
    trades
        .iter()
        .filter(|trade| counts(trade))
        .map(|trade| units(&trade.q))
        .sum()
}
