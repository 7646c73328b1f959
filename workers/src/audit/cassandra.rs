//! Counts the table `trades`, page by page. Cassandra's key makes copies impossible, so that none are looked for.

use std::time::Duration;

use crds::tables::TRADES;
use futures::TryStreamExt;
use scylla::{client::session::Session, statement::Statement};

use super::count::Counts;
use crate::sink::hot::HotError;

const PAGE_ROWS: i32 = 5_000;
/// The session's own limit is meant for the writes of a lane; a page may wait behind compactions.
const PAGE_TIMEOUT: Duration = Duration::from_mins(1);

/// Reads the ids of all rows.
pub async fn count(session: &Session, keyspace: &str) -> Result<Counts, HotError> {
    let mut select = Statement::new(format!("SELECT symbol, trade_id FROM {keyspace}.{}", TRADES.name));
    select.set_page_size(PAGE_ROWS);
    select.set_is_idempotent(true);
    select.set_request_timeout(Some(PAGE_TIMEOUT));
    let failed = |error: &dyn std::fmt::Display| HotError::new("CassandraUnavailable", error);
    let pages = session
        .query_iter(select, ())
        .await
        .map_err(|error| failed(&error))?;
    let mut rows = pages
        .rows_stream::<(String, i64)>()
        .map_err(|error| HotError::new("CassandraSchemaMismatch", error))?;
    let mut counts = Counts::default();
    while let Some((symbol, id)) = rows.try_next().await.map_err(|error| failed(&error))? {
        counts.add(&symbol, id.cast_unsigned());
    }
    Ok(counts)
}
