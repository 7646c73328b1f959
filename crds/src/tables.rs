//! The Cassandra tables: one definition that the operator creates them from and the workers write to. Pure.
//!
//! Column types are CQL's own names as `system_schema.columns` spells them, so that a live table can be compared by text.

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its CQL type.
    pub cql_type: &'static str,
}

/// How long rows of a table stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Until they are deleted.
    Forever,
    /// `spec.cassandra.tradeRetention`.
    Trades,
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in the pipeline's keyspace.
    pub name: &'static str,
    /// Every column, keys first.
    pub columns: &'static [Column],
    /// Columns that place a row on a node.
    pub partition_key: &'static [&'static str],
    /// Columns that order rows in a partition.
    pub clustering_key: &'static [&'static str],
    /// Newest (highest) first.
    pub descending: bool,
    /// How long rows stay.
    pub retention: Retention,
}

const fn column(name: &'static str, cql_type: &'static str) -> Column {
    Column { name, cql_type }
}

/// Every trade once, one partition per symbol and hour (`bucket` is the hour's start). The exchange counts time in
/// milliseconds, which is CQL's `timestamp`; the arrival time is finer and therefore a count of microseconds.
pub const TRADES: Table = Table {
    name: "trades",
    columns: &[
        column("exchange", "text"),
        column("symbol", "text"),
        column("bucket", "timestamp"),
        column("trade_time", "timestamp"),
        column("trade_id", "bigint"),
        column("event_time", "timestamp"),
        column("recv_time_us", "bigint"),
        column("price", "decimal"),
        column("quantity", "decimal"),
        column("buyer_is_maker", "boolean"),
        column("src", "text"),
        column("kafka_partition", "int"),
        column("kafka_offset", "bigint"),
    ],
    partition_key: &["exchange", "symbol", "bucket"],
    clustering_key: &["trade_time", "trade_id"],
    descending: true,
    retention: Retention::Trades,
};

/// Open, high, low, close and volumes of one interval. Recomputable: the more complete version wins.
pub const CANDLES: Table = Table {
    name: "candles",
    columns: &[
        column("exchange", "text"),
        column("symbol", "text"),
        column("interval", "text"),
        column("day", "date"),
        column("open_time", "timestamp"),
        column("open", "decimal"),
        column("high", "decimal"),
        column("low", "decimal"),
        column("close", "decimal"),
        column("volume", "decimal"),
        column("quote_volume", "decimal"),
        column("taker_buy_volume", "decimal"),
        column("trades", "bigint"),
        column("first_id", "bigint"),
        column("last_id", "bigint"),
        column("vwap", "decimal"),
        column("final", "boolean"),
    ],
    partition_key: &["exchange", "symbol", "interval", "day"],
    clustering_key: &["open_time"],
    descending: true,
    retention: Retention::Forever,
};

/// The newest trade of each symbol.
pub const LATEST: Table = Table {
    name: "latest",
    columns: &[
        column("exchange", "text"),
        column("symbol", "text"),
        column("trade_id", "bigint"),
        column("trade_time", "timestamp"),
        column("price", "decimal"),
        column("quantity", "decimal"),
        column("buyer_is_maker", "boolean"),
    ],
    partition_key: &["exchange"],
    clustering_key: &["symbol"],
    descending: false,
    retention: Retention::Forever,
};

/// Ranges of trade ids that did not arrive, both ends included, and what became of them.
pub const GAPS: Table = Table {
    name: "gaps",
    columns: &[
        column("exchange", "text"),
        column("symbol", "text"),
        column("from_id", "bigint"),
        column("to_id", "bigint"),
        column("cause", "text"),
        column("state", "text"),
        column("missing_ids", "bigint"),
        column("repaired_ids", "bigint"),
        column("detected_time", "timestamp"),
        column("closed_time", "timestamp"),
        column("duration_ms", "bigint"),
        column("last_error", "text"),
    ],
    partition_key: &["exchange", "symbol"],
    clustering_key: &["from_id"],
    descending: false,
    retention: Retention::Forever,
};

/// The hot lane's ledger: the offset that each partition has reached and the ids seen so far, per symbol.
pub const HOT_PROGRESS: Table = Table {
    name: "hot_progress",
    columns: &[
        column("consumer_group", "text"),
        column("kafka_partition", "int"),
        column("next_offset", "bigint"),
        column("intervals", "text"),
    ],
    partition_key: &["consumer_group"],
    clustering_key: &["kafka_partition"],
    descending: false,
    retention: Retention::Forever,
};

/// Every table of the keyspace.
pub const ALL: [Table; 5] = [TRADES, CANDLES, LATEST, GAPS, HOT_PROGRESS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_first_columns_in_order() {
        for table in ALL {
            let keys: Vec<_> = table
                .partition_key
                .iter()
                .chain(table.clustering_key)
                .copied()
                .collect();
            let columns: Vec<_> = table.columns.iter().map(|c| c.name).collect();
            assert_eq!(&columns[..keys.len()], &keys[..], "{}", table.name);
        }
    }
}
