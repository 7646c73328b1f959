//! How far each symbol is, computed when Prometheus asks.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{TypedMetric, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use super::ledger::Ledger;
use crate::{clock::now_ms, feed::Monitor};

/// Label of what is told by symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SymbolLabel {
    symbol: String,
}

/// Last id, age, rate and lost numbering of each symbol.
#[derive(Debug)]
pub struct SymbolMetrics {
    /// What knows them.
    pub ledger: Arc<Ledger>,
    /// What knows the exchange's clock.
    pub monitor: Arc<Monitor>,
}

impl Collector for SymbolMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let symbols = self.ledger.status().symbols;
        let last_id = symbols
            .iter()
            .map(|(symbol, status)| (symbol, ConstGauge::new(status.last_id)));
        family(
            &mut encoder,
            "symbol_last_id",
            "Highest trade id in Kafka",
            None,
            last_id,
        )?;
        let exchange_ms = now_ms().saturating_add(self.monitor.clock_offset_us().unwrap_or(0) / 1_000);
        let age = symbols
            .iter()
            .filter(|(_, status)| status.last_trade_time_ms > 0)
            .map(|(symbol, status)| {
                let seconds = seconds_between(status.last_trade_time_ms, exchange_ms);
                (symbol, ConstGauge::new(seconds))
            });
        let help = "Age of the newest trade in Kafka, by the exchange's clock";
        family(&mut encoder, "symbol_age", help, Some(&Unit::Seconds), age)?;
        let rate = symbols
            .iter()
            .map(|(symbol, status)| (symbol, ConstGauge::new(status.trades_per_minute)));
        family(
            &mut encoder,
            "symbol_trades_per_minute",
            "Trades acknowledged in the last whole minute",
            None,
            rate,
        )?;
        let restarted = symbols.iter().map(|(symbol, status)| {
            let trades = status.restarted.as_ref().map_or(0, |ids| ids.trades);
            (symbol, ConstCounter::new(trades))
        });
        family(
            &mut encoder,
            "symbol_restarted_trades",
            "Trades sent to the dead-letter topic because the ids began again at a lower number",
            None,
            restarted,
        )
    }
}

/// 0 when the second time is not after the first.
fn seconds_between(from_ms: i64, to_ms: i64) -> f64 {
    let ms = u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or_default();
    Duration::from_millis(ms).as_secs_f64()
}

fn family<'a, M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    figures: impl Iterator<Item = (&'a String, M)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, unit, M::TYPE)?;
    for (symbol, figure) in figures {
        let label = SymbolLabel {
            symbol: symbol.clone(),
        };
        figure.encode(metric.encode_family(&label)?)?;
    }
    Ok(())
}
