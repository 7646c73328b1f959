//! The hot lane's CQL, made from the table definitions that the operator creates the tables from.

use crds::tables::{CANDLES, GAPS, HOT_PROGRESS, LATEST, TRADES, Table};
use scylla::{client::session::Session, errors::PrepareError, statement::prepared::PreparedStatement};

/// Statements as the cluster knows them.
#[derive(Debug)]
pub struct Statements {
    /// Inserts [`super::row::TradeValues`].
    pub trade: PreparedStatement,
    /// Inserts [`super::row::LatestValues`].
    pub latest: PreparedStatement,
    /// Inserts [`super::candle::CandleValues`].
    pub candle: PreparedStatement,
    /// Selects id, price, quantity and side of the trades of one hour's partition between two times, the second excluded.
    pub read: PreparedStatement,
    /// Inserts [`super::gaps::GapValues`].
    pub gap: PreparedStatement,
    /// Selects `next_offset` and `intervals` by group and partition.
    pub load: PreparedStatement,
    /// Inserts group, partition, `next_offset` and `intervals`.
    pub save: PreparedStatement,
}

impl Statements {
    /// Prepares all of them.
    pub async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let stamped = |table| format!("{} USING TIMESTAMP :written_at", insert(keyspace, table));
        let prepare = async |text: String| -> Result<PreparedStatement, PrepareError> {
            let mut statement = session.prepare(text).await?;
            // Every one may be repeated: the same values again, or a read.
            statement.set_is_idempotent(true);
            Ok(statement)
        };
        Ok(Self {
            trade: prepare(stamped(TRADES)).await?,
            latest: prepare(stamped(LATEST)).await?,
            candle: prepare(stamped(CANDLES)).await?,
            read: prepare(format!(
                "SELECT trade_id, price, quantity, buyer_is_maker FROM {keyspace}.{} WHERE exchange = ? AND symbol = ? \
                 AND bucket = ? AND trade_time >= ? AND trade_time < ?",
                TRADES.name
            ))
            .await?,
            gap: prepare(stamped(GAPS)).await?,
            load: prepare(format!(
                "SELECT next_offset, intervals FROM {keyspace}.{} WHERE consumer_group = ? AND kafka_partition = ?",
                HOT_PROGRESS.name
            ))
            .await?,
            save: prepare(insert(keyspace, HOT_PROGRESS)).await?,
        })
    }
}

fn insert(keyspace: &str, table: Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let markers: Vec<String> = names.iter().map(|name| format!(":{name}")).collect();
    format!(
        "INSERT INTO {keyspace}.{} ({}) VALUES ({})",
        table.name,
        names.join(", "),
        markers.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_written() {
        assert_eq!(
            insert("crypto_ks", HOT_PROGRESS),
            "INSERT INTO crypto_ks.hot_progress (consumer_group, kafka_partition, next_offset, intervals) \
             VALUES (:consumer_group, :kafka_partition, :next_offset, :intervals)"
        );
    }
}
