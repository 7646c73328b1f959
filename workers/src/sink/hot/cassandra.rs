//! The hot store on Cassandra, through the scylla driver.
//!
//! When the driver has lost every node it resolves the contact points anew, so that a cluster whose pods all came back
//! with other addresses is found again. Should a session nevertheless not succeed for a while, it is made anew.
//!
//! Statements are prepared once per session, and again when the cluster no longer knows them or knows other columns.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crds::{gap::GapRecord, wire::CassandraEndpoint};
use futures::future::try_join_all;
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
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
    gate::Gate,
    metrics::RequestMetrics,
    next_node::AskNextNode,
    read,
    row::{TRADES_PER_BATCH, batches, newest},
    statements::Statements,
    store::HotStore,
};
use crate::model::{Candle, Fill, Window};

/// Rows of one request, of about 300 bytes each; see [`TRADES_PER_BATCH`].
const CANDLES_PER_BATCH: usize = 100;
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
    gate: Gate,
    metrics: RequestMetrics,
    link: Mutex<Option<Link>>,
}

/// A session, and the statements once they are prepared.
struct Link {
    session: Arc<Session>,
    statements: Option<Arc<Statements>>,
    last_success: Instant,
}

/// What a request needs.
struct Ready {
    session: Arc<Session>,
    statements: Arc<Statements>,
}

impl Link {
    async fn new(endpoint: &CassandraEndpoint, metrics: &RequestMetrics) -> Result<Self, HotError> {
        let session = timeout(SESSION_LIMIT, connect(endpoint, metrics))
            .await
            .map_err(|_| HotError::new("CassandraUnreachable", "no node answers"))??;
        Ok(Self {
            session: Arc::new(session),
            statements: None,
            last_success: Instant::now(),
        })
    }

    async fn ready(&mut self, keyspace: &str) -> Result<Ready, HotError> {
        let statements = match &self.statements {
            Some(statements) => statements.clone(),
            None => Arc::new(Statements::prepare(&self.session, keyspace).await?),
        };
        self.statements = Some(statements.clone());
        Ok(Ready {
            session: self.session.clone(),
            statements,
        })
    }

    fn is_given_up(&self) -> bool {
        self.last_success.elapsed() > PATIENCE
    }
}

impl CassandraStore {
    /// Connects with the first request, not here. `group` names the rows of `hot_progress`.
    pub fn new(endpoint: CassandraEndpoint, group: String, metrics: RequestMetrics) -> Self {
        Self {
            endpoint,
            group,
            gate: Gate::new(metrics.clone()),
            metrics,
            link: Mutex::new(None),
        }
    }

    async fn ready(&self) -> Result<Ready, HotError> {
        let mut slot = self.link.lock().await;
        let mut link = match slot.take() {
            Some(link) => link,
            None => Link::new(&self.endpoint, &self.metrics).await?,
        };
        let ready = link.ready(&self.endpoint.keyspace).await;
        if ready.is_ok() || !link.is_given_up() {
            *slot = Some(link);
        }
        ready
    }

    /// Notes how a request ended that was made with this.
    async fn note<T>(&self, used: &Ready, result: Result<T, HotError>) -> Result<T, HotError> {
        let mut slot = self.link.lock().await;
        // What others have replaced meanwhile is none of its business.
        if let Some(link) = slot
            .as_mut()
            .filter(|link| Arc::ptr_eq(&link.session, &used.session))
        {
            match &result {
                Ok(_) => link.last_success = Instant::now(),
                Err(error) if error.needs_preparation() => {
                    link.statements
                        .take_if(|statements| Arc::ptr_eq(statements, &used.statements));
                }
                Err(_) if link.is_given_up() => *slot = None,
                Err(_) => {}
            }
        }
        result
    }
}

impl HotStore for CassandraStore {
    async fn load(&self, partition: i32) -> Result<Option<Ledger>, HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        let key = (&self.group, partition);
        let result = self
            .gate
            .carry_out(1, || session.execute_unpaged(&statements.load, key));
        let rows = self.note(&ready, result.await).await?.into_rows_result()?;
        let Some((next, text)) = rows.maybe_first_row::<(i64, String)>()? else {
            return Ok(None);
        };
        Ledger::from_row(next, &text)
            .map(Some)
            .map_err(|error| HotError::new("HotProgressUnreadable", error))
    }

    async fn write(&self, rows: &[HotRow]) -> Result<(), HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        // Collected first: the compiler cannot prove a lazy chain to be `Send`.
        let mut trades = Vec::new();
        for rows in batches(rows, TRADES_PER_BATCH, HotRow::partition) {
            let values = rows.iter().map(|row| row.values()).collect();
            trades.push(insert_together(&self.gate, session, &statements.trade, values));
        }
        self.note(&ready, try_join_all(trades).await).await?;
        let mut latest = Vec::new();
        for row in newest(rows) {
            latest.push(insert(
                &self.gate,
                session,
                &statements.latest,
                row.latest_values(),
            ));
        }
        self.note(&ready, try_join_all(latest).await).await?;
        Ok(())
    }

    async fn read(&self, window: &Window, take: impl FnMut(Fill) + Send) -> Result<(), HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        let result = read::trades(session, &statements.read, window, take).await;
        self.note(&ready, result).await
    }

    async fn write_candles(&self, candles: &[Candle]) -> Result<(), HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        let mut requests = Vec::new();
        for candles in batches(candles, CANDLES_PER_BATCH, candle::partition) {
            let values = candles.iter().map(|candle| CandleValues::of(candle)).collect();
            requests.push(insert_together(&self.gate, session, &statements.candle, values));
        }
        self.note(&ready, try_join_all(requests).await).await?;
        Ok(())
    }

    async fn save(&self, partition: i32, ledger: &Ledger) -> Result<(), HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        let text = ledger
            .to_text()
            .map_err(|error| HotError::new("HotProgressUnwritable", error))?;
        let values = (&self.group, partition, ledger.next, text);
        let result = insert(&self.gate, session, &statements.save, values).await;
        self.note(&ready, result).await
    }
}

impl GapStore for CassandraStore {
    async fn write_gaps(&self, gaps: &[GapRecord]) -> Result<(), HotError> {
        let ready = self.ready().await?;
        let Ready { session, statements } = &ready;
        let mut rows = Vec::with_capacity(gaps.len());
        for gap in gaps {
            rows.push(insert(&self.gate, session, &statements.gap, GapValues::of(gap)));
        }
        self.note(&ready, try_join_all(rows).await).await?;
        Ok(())
    }
}

/// Rows of one Cassandra partition in one request.
async fn insert_together(
    gate: &Gate,
    session: &Session,
    statement: &PreparedStatement,
    values: Vec<impl SerializeRow + Sync>,
) -> Result<(), HotError> {
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_is_idempotent(true);
    for _ in &values {
        batch.append_statement(statement.clone());
    }
    gate.carry_out(values.len(), || session.batch(&batch, &values))
        .await?;
    Ok(())
}

/// One row.
async fn insert(
    gate: &Gate,
    session: &Session,
    statement: &PreparedStatement,
    values: impl SerializeRow + Sync,
) -> Result<(), HotError> {
    gate.carry_out(1, || session.execute_unpaged(statement, &values))
        .await?;
    Ok(())
}

/// A session that talks to its own data centre only and waits for a majority of the replicas there.
pub async fn connect(endpoint: &CassandraEndpoint, metrics: &RequestMetrics) -> Result<Session, HotError> {
    let nearest = DefaultPolicy::builder()
        .prefer_datacenter(endpoint.datacenter.clone())
        .permit_dc_failover(false)
        .token_aware(true)
        .build();
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(REQUEST_LIMIT))
        .load_balancing_policy(nearest)
        .retry_policy(Arc::new(AskNextNode::new(metrics.clone())))
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
