//! The hot store on Cassandra, through the scylla driver.
//!
//! When the driver has lost every node it resolves the contact points anew, so that a cluster whose pods all came back
//! with other addresses is found again. Should a session nevertheless not succeed for a while, it is made anew.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::{gap::GapRecord, wire::CassandraEndpoint};
use futures::{StreamExt, stream};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    errors::ExecutionError,
    policies::load_balancing::DefaultPolicy,
    serialize::row::SerializeRow,
    statement::{
        Consistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
};
use tokio::{sync::Mutex, time::timeout};

use super::{
    GapStore, HotError, HotRow, Ledger,
    candle::{self, CandleValues},
    gaps::GapValues,
    read,
    row::{TRADES_PER_BATCH, batches, newest},
    statements::Statements,
    store::HotStore,
};
use crate::model::{Candle, Fill, Window};

/// Requests in flight per partition of the topic. Enough to keep three nodes busy; more only queues there.
const CONCURRENCY: usize = 32;
/// Rows of one request, of about 300 bytes each; see [`TRADES_PER_BATCH`].
const CANDLES_PER_BATCH: usize = 15;
/// Cassandra itself gives up a write after 2 s (`write_request_timeout`).
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// A session may try every contact point in turn.
const SESSION_LIMIT: Duration = Duration::from_secs(30);
/// A session without success for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
const METADATA_REFRESH: Duration = Duration::from_secs(20);

/// Tables of one keyspace.
pub struct CassandraStore {
    endpoint: CassandraEndpoint,
    group: String,
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone)]
struct Connection {
    session: Arc<Session>,
    statements: Arc<Statements>,
    last_success: Instant,
}

impl CassandraStore {
    /// Connects with the first request, not here. `group` names the rows of `hot_progress`.
    pub fn new(endpoint: CassandraEndpoint, group: String) -> Self {
        Self {
            endpoint,
            group,
            connection: Mutex::new(None),
        }
    }

    async fn connection(&self) -> Result<Connection, HotError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = connection.as_ref() {
            return Ok(connection.clone());
        }
        let session = timeout(SESSION_LIMIT, connect(&self.endpoint))
            .await
            .map_err(|_| HotError::new("CassandraUnreachable", "no node answers"))??;
        let new = Connection {
            statements: Arc::new(Statements::prepare(&session, &self.endpoint.keyspace).await?),
            session: Arc::new(session),
            last_success: Instant::now(),
        };
        *connection = Some(new.clone());
        Ok(new)
    }

    /// Notes how a request ended.
    async fn note<T>(&self, result: Result<T, HotError>) -> Result<T, HotError> {
        let mut connection = self.connection.lock().await;
        match (&result, connection.as_mut()) {
            (Ok(_), Some(connection)) => connection.last_success = Instant::now(),
            (Err(_), Some(session)) if session.last_success.elapsed() > PATIENCE => *connection = None,
            _ => {}
        }
        result
    }
}

impl HotStore for CassandraStore {
    async fn load(&self, partition: i32) -> Result<Option<Ledger>, HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let result = session
            .execute_unpaged(&statements.load, (&self.group, partition))
            .await;
        let rows = self
            .note(result.map_err(HotError::from))
            .await?
            .into_rows_result()?;
        let Some((next, text)) = rows.maybe_first_row::<(i64, String)>()? else {
            return Ok(None);
        };
        Ledger::from_row(next, &text)
            .map(Some)
            .map_err(|error| HotError::new("HotProgressUnreadable", error))
    }

    async fn write(&self, rows: &[HotRow]) -> Result<(), HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let (sorted, ranges) = batches(rows, TRADES_PER_BATCH, HotRow::partition);
        // Collected first: the compiler cannot prove a lazy chain to be `Send`.
        let mut trades = Vec::with_capacity(ranges.len());
        for rows in ranges.into_iter().filter_map(|range| sorted.get(range)) {
            let values = rows.iter().map(|row| row.values()).collect();
            trades.push(insert_together(&session, &statements.trade, values));
        }
        self.note(all(trades).await).await?;
        let mut latest = Vec::new();
        for row in newest(rows) {
            latest.push(insert_latest(&session, &statements.latest, row));
        }
        self.note(all(latest).await).await
    }

    async fn read(&self, window: &Window, take: impl FnMut(Fill) + Send) -> Result<(), HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let result = read::trades(&session, &statements.read, window, take).await;
        self.note(result).await
    }

    async fn write_candles(&self, candles: &[Candle]) -> Result<(), HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let (sorted, ranges) = batches(candles, CANDLES_PER_BATCH, candle::partition);
        let mut requests = Vec::with_capacity(ranges.len());
        for candles in ranges.into_iter().filter_map(|range| sorted.get(range)) {
            let values = candles.iter().map(|candle| CandleValues::of(candle)).collect();
            requests.push(insert_together(&session, &statements.candle, values));
        }
        self.note(all(requests).await).await
    }

    async fn save(&self, partition: i32, ledger: &Ledger) -> Result<(), HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let text = ledger
            .to_text()
            .map_err(|error| HotError::new("HotProgressUnwritable", error))?;
        let values = (&self.group, partition, ledger.next, text);
        let result = session.execute_unpaged(&statements.save, values).await;
        self.note(result.map(|_| ()).map_err(HotError::from)).await
    }
}

impl GapStore for CassandraStore {
    async fn write_gaps(&self, gaps: &[GapRecord]) -> Result<(), HotError> {
        let Connection {
            session, statements, ..
        } = self.connection().await?;
        let mut rows = Vec::with_capacity(gaps.len());
        for gap in gaps {
            rows.push(insert_gap(&session, &statements.gap, gap));
        }
        self.note(all(rows).await).await
    }
}

/// Rows of one Cassandra partition in one request.
async fn insert_together(
    session: &Session,
    statement: &PreparedStatement,
    values: Vec<impl SerializeRow>,
) -> Result<(), ExecutionError> {
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    for _ in &values {
        batch.append_statement(statement.clone());
    }
    session.batch(&batch, values).await.map(|_| ())
}

async fn insert_latest(
    session: &Session,
    statement: &PreparedStatement,
    row: &HotRow,
) -> Result<(), ExecutionError> {
    let values = row.latest_values();
    session.execute_unpaged(statement, values).await.map(|_| ())
}

async fn insert_gap(
    session: &Session,
    statement: &PreparedStatement,
    gap: &GapRecord,
) -> Result<(), ExecutionError> {
    let values = GapValues::of(gap);
    session.execute_unpaged(statement, values).await.map(|_| ())
}

/// Carries out requests, so many at a time.
async fn all(requests: Vec<impl Future<Output = Result<(), ExecutionError>>>) -> Result<(), HotError> {
    let mut answers = stream::iter(requests).buffer_unordered(CONCURRENCY);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

/// A session that talks to its own data centre only and waits for a majority of the replicas there.
pub async fn connect(endpoint: &CassandraEndpoint) -> Result<Session, HotError> {
    let nearest = DefaultPolicy::builder()
        .prefer_datacenter(endpoint.datacenter.clone())
        .permit_dc_failover(false)
        .token_aware(true)
        .build();
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(REQUEST_LIMIT))
        .load_balancing_policy(nearest)
        .build();
    let session = SessionBuilder::new()
        .known_nodes(&endpoint.contact_points)
        .connection_timeout(CONNECT_LIMIT)
        .cluster_metadata_refresh_interval(METADATA_REFRESH)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await?;
    Ok(session)
}
