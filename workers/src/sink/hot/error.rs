//! What went wrong with Cassandra, in terms of what to wait for or to mend.

use scylla::errors::{
    ExecutionError, IntoRowsResultError, MaybeFirstRowError, NewSessionError, NextRowError,
    PagerExecutionError, PrepareError,
};

use super::class::{Class, Remedy};

/// A failed request. All of them may pass, and the request may have been carried out nevertheless.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct HotError {
    reason: &'static str,
    message: String,
    remedy: Option<Remedy>,
}

impl HotError {
    /// An error of this name.
    pub fn new(reason: &'static str, message: impl ToString) -> Self {
        Self {
            reason,
            message: message.to_string(),
            remedy: None,
        }
    }

    fn classed(class: Class, message: impl ToString) -> Self {
        Self {
            remedy: Some(class.remedy(true)),
            ..Self::new(class.reason(), message)
        }
    }

    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether the next attempt needs statements that are prepared anew.
    pub fn needs_preparation(&self) -> bool {
        self.remedy == Some(Remedy::PrepareAnew)
    }
}

impl From<NewSessionError> for HotError {
    fn from(error: NewSessionError) -> Self {
        Self::new("CassandraUnreachable", error)
    }
}

impl From<PrepareError> for HotError {
    fn from(error: PrepareError) -> Self {
        Self::classed(Class::from(&error), error)
    }
}

impl From<ExecutionError> for HotError {
    fn from(error: ExecutionError) -> Self {
        Self::classed(Class::from(&error), error)
    }
}

impl From<PagerExecutionError> for HotError {
    fn from(error: PagerExecutionError) -> Self {
        Self::classed(Class::from(&error), error)
    }
}

impl From<NextRowError> for HotError {
    fn from(error: NextRowError) -> Self {
        Self::classed(Class::from(&error), error)
    }
}

impl From<IntoRowsResultError> for HotError {
    fn from(error: IntoRowsResultError) -> Self {
        Self::classed(Class::Schema, error)
    }
}

impl From<MaybeFirstRowError> for HotError {
    fn from(error: MaybeFirstRowError) -> Self {
        Self::classed(Class::Schema, error)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use scylla::errors::{DbError, RequestAttemptError};

    use super::*;

    #[rstest]
    #[case(DbError::Overloaded, false)]
    #[case(DbError::Invalid, false)]
    #[case(DbError::Unprepared { statement_id: bytes::Bytes::new() }, true)]
    fn a_statement_that_is_not_known_is_prepared_again(#[case] error: DbError, #[case] needed: bool) {
        let error = ExecutionError::from(RequestAttemptError::DbError(error, String::new()));
        assert_eq!(HotError::from(error).needs_preparation(), needed);
    }
}
