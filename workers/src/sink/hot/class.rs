//! Cassandra's errors by what is to be done about them. Pure.

use prometheus_client::encoding::EncodeLabelSet;
use scylla::errors::{
    DbError, ExecutionError, NextPageError, NextRowError, PagerExecutionError, PrepareError,
    RequestAttemptError,
};

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A node has too much to do.
    Overloaded,
    /// The replicas did not answer in time, or nobody did. The request may have been carried out.
    Timeout,
    /// Too few replicas are there.
    Unavailable,
    /// This node cannot serve, or the connection to it broke.
    Node,
    /// The cluster does not know the statement, or knows it as another one: the table was changed or made anew.
    Unprepared,
    /// The values do not fit the statement as this program has prepared it.
    Schema,
    /// The request will never do: no such table or column, or other than this program knows it.
    Invalid,
    /// No permission.
    Denied,
    /// The data centre that is asked for has no node.
    NoDatacenter,
}

/// What is done about a failure. A request of any class is made again until it is carried out: no row is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Ask another node, at once.
    NextNode,
    /// Ask again after a pause, with fewer requests in flight.
    SlowDown,
    /// Tell the lane, which waits for the cluster.
    Wait,
    /// Tell the lane, and prepare the statements anew before the next attempt.
    PrepareAnew,
    /// Tell the lane: a person or the operator has to change something.
    Refuse,
}

impl Class {
    /// What to do; `again` after another node was asked in vain for the same.
    pub const fn remedy(self, again: bool) -> Remedy {
        match self {
            Self::Overloaded | Self::Timeout => Remedy::SlowDown,
            // A node that is cut off from the others believes them to be down.
            Self::Unavailable if !again => Remedy::NextNode,
            Self::Unavailable => Remedy::Wait,
            // As many times as there are nodes; the driver's plan ends.
            Self::Node => Remedy::NextNode,
            Self::Unprepared | Self::Schema => Remedy::PrepareAnew,
            Self::Invalid | Self::Denied | Self::NoDatacenter => Remedy::Refuse,
        }
    }

    /// A stable CamelCase name of what is awaited.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Overloaded => "CassandraOverloaded",
            Self::Timeout => "CassandraTimeout",
            Self::Unavailable | Self::Node => "CassandraUnavailable",
            Self::Unprepared | Self::Schema | Self::Invalid => "CassandraSchemaMismatch",
            Self::Denied => "CassandraPermissionDenied",
            Self::NoDatacenter => "CassandraDatacenterUnknown",
        }
    }

    /// A stable name for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Node => "node",
            Self::Unprepared => "unprepared",
            Self::Schema => "schema",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::NoDatacenter => "no_datacenter",
        }
    }
}

/// Label of counters that are split by class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClassLabel {
    class: &'static str,
}

impl From<Class> for ClassLabel {
    fn from(class: Class) -> Self {
        Self { class: class.name() }
    }
}

impl From<&ExecutionError> for Class {
    fn from(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::EmptyPlan => Self::NoDatacenter,
            ExecutionError::LastAttemptError(attempt) => Self::from(attempt),
            ExecutionError::RequestTimeout(_) => Self::Timeout,
            ExecutionError::BadQuery(_) => Self::Schema,
            ExecutionError::PrepareError(error) => Self::from(error),
            _ => Self::Unavailable,
        }
    }
}

impl From<&PrepareError> for Class {
    fn from(error: &PrepareError) -> Self {
        match error {
            PrepareError::AllAttemptsFailed { first_attempt } => Self::from(first_attempt),
            _ => Self::Unavailable,
        }
    }
}

impl From<&PagerExecutionError> for Class {
    fn from(error: &PagerExecutionError) -> Self {
        match error {
            PagerExecutionError::NextPageError(error) => Self::from(error),
            PagerExecutionError::PrepareError(error) => Self::from(error),
            PagerExecutionError::SerializationError(_) => Self::Schema,
            _ => Self::Unavailable,
        }
    }
}

impl From<&NextRowError> for Class {
    fn from(error: &NextRowError) -> Self {
        match error {
            NextRowError::NextPageError(error) => Self::from(error),
            _ => Self::Schema,
        }
    }
}

impl From<&NextPageError> for Class {
    fn from(error: &NextPageError) -> Self {
        match error {
            NextPageError::RequestFailure(error) => Self::from(&error.clone().into_execution_error()),
            _ => Self::Schema,
        }
    }
}

impl From<&RequestAttemptError> for Class {
    fn from(error: &RequestAttemptError) -> Self {
        match error {
            RequestAttemptError::DbError(error, _) => Self::from(error),
            // The one connection has as many requests in flight as it can number.
            RequestAttemptError::UnableToAllocStreamId => Self::Overloaded,
            RequestAttemptError::RepreparedIdChanged { .. }
            | RequestAttemptError::RepreparedIdMissingInBatch => Self::Unprepared,
            RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
                Self::Schema
            }
            _ => Self::Node,
        }
    }
}

impl From<&DbError> for Class {
    fn from(error: &DbError) -> Self {
        match error {
            DbError::Overloaded | DbError::RateLimitReached { .. } => Self::Overloaded,
            DbError::WriteTimeout { .. } | DbError::ReadTimeout { .. } => Self::Timeout,
            DbError::IsBootstrapping | DbError::ServerError | DbError::TruncateError => Self::Node,
            DbError::Unprepared { .. } => Self::Unprepared,
            DbError::Invalid
            | DbError::SyntaxError
            | DbError::ConfigError
            | DbError::AlreadyExists { .. }
            | DbError::FunctionFailure { .. }
            | DbError::ProtocolError => Self::Invalid,
            DbError::AuthenticationError | DbError::Unauthorized => Self::Denied,
            // Too few replicas, or some that failed to write or read.
            _ => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use scylla::{errors::WriteType, statement::Consistency};

    use super::*;

    fn write_timeout() -> DbError {
        DbError::WriteTimeout {
            consistency: Consistency::LocalQuorum,
            received: 1,
            required: 2,
            write_type: WriteType::UnloggedBatch,
        }
    }

    fn unavailable() -> DbError {
        DbError::Unavailable {
            consistency: Consistency::LocalQuorum,
            required: 2,
            alive: 1,
        }
    }

    fn write_failure() -> DbError {
        DbError::WriteFailure {
            consistency: Consistency::LocalQuorum,
            received: 1,
            required: 2,
            numfailures: 1,
            write_type: WriteType::UnloggedBatch,
        }
    }

    fn unprepared() -> DbError {
        DbError::Unprepared {
            statement_id: bytes::Bytes::new(),
        }
    }

    #[rstest]
    #[case(
        DbError::Overloaded,
        Remedy::SlowDown,
        Remedy::SlowDown,
        "CassandraOverloaded"
    )]
    #[case(write_timeout(), Remedy::SlowDown, Remedy::SlowDown, "CassandraTimeout")]
    #[case(unavailable(), Remedy::NextNode, Remedy::Wait, "CassandraUnavailable")]
    #[case(write_failure(), Remedy::NextNode, Remedy::Wait, "CassandraUnavailable")]
    #[case(
        DbError::IsBootstrapping,
        Remedy::NextNode,
        Remedy::NextNode,
        "CassandraUnavailable"
    )]
    #[case(
        DbError::ServerError,
        Remedy::NextNode,
        Remedy::NextNode,
        "CassandraUnavailable"
    )]
    #[case(
        unprepared(),
        Remedy::PrepareAnew,
        Remedy::PrepareAnew,
        "CassandraSchemaMismatch"
    )]
    #[case(DbError::Invalid, Remedy::Refuse, Remedy::Refuse, "CassandraSchemaMismatch")]
    #[case(
        DbError::SyntaxError,
        Remedy::Refuse,
        Remedy::Refuse,
        "CassandraSchemaMismatch"
    )]
    #[case(
        DbError::Unauthorized,
        Remedy::Refuse,
        Remedy::Refuse,
        "CassandraPermissionDenied"
    )]
    #[case(
        DbError::Other(0x1234),
        Remedy::NextNode,
        Remedy::Wait,
        "CassandraUnavailable"
    )]
    fn every_answer_of_a_node_has_its_remedy(
        #[case] error: DbError,
        #[case] first: Remedy,
        #[case] again: Remedy,
        #[case] reason: &str,
    ) {
        let attempt = RequestAttemptError::DbError(error, String::new());
        let class = Class::from(&ExecutionError::from(attempt));
        assert_eq!((class.remedy(false), class.remedy(true)), (first, again));
        assert_eq!(class.reason(), reason);
    }

    #[rstest]
    #[case(
        ExecutionError::RequestTimeout(std::time::Duration::from_secs(5)),
        Remedy::SlowDown
    )]
    #[case(ExecutionError::EmptyPlan, Remedy::Refuse)]
    #[case(RequestAttemptError::UnableToAllocStreamId.into(), Remedy::SlowDown)]
    #[case(RequestAttemptError::RepreparedIdMissingInBatch.into(), Remedy::PrepareAnew)]
    #[case(
        RequestAttemptError::RepreparedIdChanged {
            statement: String::new(),
            expected_id: vec![1],
            reprepared_id: vec![2],
        }
        .into(),
        Remedy::PrepareAnew
    )]
    fn what_the_driver_finds_itself_has_its_remedy(#[case] error: ExecutionError, #[case] remedy: Remedy) {
        assert_eq!(Class::from(&error).remedy(false), remedy);
    }
}
