//! Keyspace and tables, through the scylla driver.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use scylla::{
    client::{execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder},
    deserialize::row::DeserializeRow,
    errors::{ExecutionError, NewSessionError, SchemaAgreementError},
    frame::types::Consistency,
    serialize::row::SerializeRow,
};

use super::{
    Outcome, SchemaAdmin, SchemaWanted, Unavailable,
    schema::{self, LiveSchema, LiveTable},
};

/// The longest that one request, or waiting for the nodes to agree on the schema, may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The real client. It keeps no session between calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct CassandraAdmin;

impl SchemaAdmin for CassandraAdmin {
    fn ensure(&self, wanted: SchemaWanted) -> BoxFuture<'_, Result<Outcome, Unavailable>> {
        async move {
            ensure(&wanted)
                .await
                .map_err(|error| Unavailable::new(error.reason(), error.to_string()))
        }
        .boxed()
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("Cassandra cannot be reached: {0}; the operator tries again")]
    Connect(#[from] NewSessionError),
    #[error("Cassandra did not accept the connection within {} s; the operator tries again", TIMEOUT.as_secs())]
    Timeout,
    #[error("Cassandra's nodes do not agree on the schema yet: {0}; the operator tries again")]
    Disagreement(#[from] SchemaAgreementError),
    #[error("Cassandra's own schema could not be read: {0}; the operator tries again")]
    Read(String),
    #[error("Cassandra refused `{statement}`: {source}")]
    Refused {
        statement: String,
        source: ExecutionError,
    },
}

impl Error {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Timeout | Self::Read(_) => "CassandraUnavailable",
            Self::Disagreement(_) => "SchemaDisagreement",
            Self::Refused { .. } => "SchemaRefused",
        }
    }
}

async fn ensure(wanted: &SchemaWanted) -> Result<Outcome, Error> {
    let session = tokio::time::timeout(TIMEOUT, connect(wanted))
        .await
        .map_err(|_| Error::Timeout)??;
    // A statement that was cut off earlier must have reached every node before the schema is read and changed again:
    // two nodes that create the same table at once give it two identities.
    session.await_schema_agreement().await?;
    let live = read(&session, &wanted.keyspace).await?;
    let migration = schema::migrate(wanted, &live);
    let mut outcome = Outcome {
        changes: vec![],
        differences: migration.differences,
    };
    for (statement, finding) in migration.statements {
        session
            .query_unpaged(statement.as_str(), ())
            .await
            .map_err(|source| Error::Refused { statement, source })?;
        outcome.changes.push(finding);
    }
    if !outcome.changes.is_empty() {
        session.await_schema_agreement().await?;
    }
    Ok(outcome)
}

async fn connect(wanted: &SchemaWanted) -> Result<Session, NewSessionError> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(TIMEOUT))
        .build();
    SessionBuilder::new()
        .known_nodes(&wanted.contact_points)
        .connection_timeout(TIMEOUT / 2)
        .schema_agreement_timeout(TIMEOUT)
        .fetch_schema_metadata(false)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await
}

async fn read(session: &Session, keyspace: &str) -> Result<LiveSchema, Error> {
    type Keyspace = (String, HashMap<String, String>);
    let keyspaces: Vec<Keyspace> = rows(
        session,
        "SELECT keyspace_name, replication FROM system_schema.keyspaces",
        (),
    )
    .await?;
    let tables: Vec<(String, Option<i32>)> = rows(
        session,
        "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?",
        (keyspace,),
    )
    .await?;
    let columns: Vec<(String, String, String)> = rows(
        session,
        "SELECT table_name, column_name, type FROM system_schema.columns WHERE keyspace_name = ?",
        (keyspace,),
    )
    .await?;
    let mut live = LiveSchema {
        replication: keyspaces
            .into_iter()
            .map(|(name, options)| (name, options.into_iter().collect()))
            .collect(),
        tables: tables
            .into_iter()
            .map(|(name, ttl)| {
                let ttl_seconds = u64::try_from(ttl.unwrap_or(0)).unwrap_or(0);
                let columns = BTreeMap::new();
                (name, LiveTable { ttl_seconds, columns })
            })
            .collect(),
    };
    for (table, column, cql_type) in columns {
        if let Some(table) = live.tables.get_mut(&table) {
            table.columns.insert(column, cql_type);
        }
    }
    Ok(live)
}

async fn rows<R>(session: &Session, query: &str, values: impl SerializeRow) -> Result<Vec<R>, Error>
where
    R: for<'frame> DeserializeRow<'frame, 'frame>,
{
    let unreadable = |error: &dyn std::error::Error| Error::Read(error.to_string());
    let result = session
        .query_unpaged(query, values)
        .await
        .map_err(|e| unreadable(&e))?
        .into_rows_result()
        .map_err(|e| unreadable(&e))?;
    let rows = result.rows::<R>().map_err(|e| unreadable(&e))?;
    rows.collect::<Result<_, _>>().map_err(|e| unreadable(&e))
}
