//! What went wrong with Cassandra, in terms of what to wait for or to mend.

use scylla::errors::{
    DbError, ExecutionError, IntoRowsResultError, MaybeFirstRowError, NewSessionError, PrepareError,
    RequestAttemptError,
};

/// A failed request. All of them may pass, and the request may have been carried out nevertheless.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct HotError {
    reason: &'static str,
    message: String,
}

impl HotError {
    /// An error of this name.
    pub fn new(reason: &'static str, message: impl ToString) -> Self {
        Self {
            reason,
            message: message.to_string(),
        }
    }

    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

impl From<NewSessionError> for HotError {
    fn from(error: NewSessionError) -> Self {
        Self::new("CassandraUnreachable", error)
    }
}

impl From<PrepareError> for HotError {
    fn from(error: PrepareError) -> Self {
        let reason = match &error {
            PrepareError::AllAttemptsFailed { first_attempt } => attempt_reason(first_attempt),
            _ => "CassandraUnavailable",
        };
        Self::new(reason, error)
    }
}

impl From<ExecutionError> for HotError {
    fn from(error: ExecutionError) -> Self {
        let reason = match &error {
            ExecutionError::EmptyPlan => "CassandraDatacenterUnknown",
            ExecutionError::LastAttemptError(attempt) => attempt_reason(attempt),
            ExecutionError::RequestTimeout(_) => "CassandraTimeout",
            ExecutionError::BadQuery(_) => "CassandraSchemaMismatch",
            _ => "CassandraUnavailable",
        };
        Self::new(reason, error)
    }
}

impl From<IntoRowsResultError> for HotError {
    fn from(error: IntoRowsResultError) -> Self {
        Self::new("CassandraSchemaMismatch", error)
    }
}

impl From<MaybeFirstRowError> for HotError {
    fn from(error: MaybeFirstRowError) -> Self {
        Self::new("CassandraSchemaMismatch", error)
    }
}

fn attempt_reason(error: &RequestAttemptError) -> &'static str {
    match error {
        RequestAttemptError::DbError(error, _) => database_reason(error),
        RequestAttemptError::SerializationError(_) => "CassandraSchemaMismatch",
        _ => "CassandraUnavailable",
    }
}

fn database_reason(error: &DbError) -> &'static str {
    match error {
        DbError::Overloaded | DbError::RateLimitReached { .. } => "CassandraOverloaded",
        DbError::WriteTimeout { .. } | DbError::ReadTimeout { .. } => "CassandraTimeout",
        DbError::AuthenticationError | DbError::Unauthorized => "CassandraPermissionDenied",
        // A table or keyspace that is not there (yet), or other than this program knows it.
        DbError::Invalid | DbError::SyntaxError | DbError::ConfigError => "CassandraSchemaMismatch",
        // Unavailable, IsBootstrapping, ServerError, write failures: too few replicas for now.
        _ => "CassandraUnavailable",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use scylla::statement::Consistency;

    use super::*;

    #[rstest]
    #[case(DbError::Unavailable { consistency: Consistency::LocalQuorum, required: 2, alive: 1 }, "CassandraUnavailable")]
    #[case(DbError::IsBootstrapping, "CassandraUnavailable")]
    #[case(DbError::Overloaded, "CassandraOverloaded")]
    #[case(DbError::Invalid, "CassandraSchemaMismatch")]
    fn errors_tell_what_the_lane_waits_for(#[case] error: DbError, #[case] reason: &str) {
        let attempt = RequestAttemptError::DbError(error, String::new());
        assert_eq!(HotError::from(ExecutionError::from(attempt)).reason(), reason);
    }
}
