//! Which failures pass by themselves. Pure. They are retried like all others, and are no reason to look at the operator.

use kube::core::Status;

use super::Error;
use crate::api;

impl Error {
    /// Whether the next try may well succeed with nothing changed: another writer was first, the API server is away or
    /// busy, or the object is being deleted.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read(error) => passes(error),
            Self::Write(error) => write_passes(error),
            Self::Refused(refusals) => refusals.list().iter().all(write_passes),
            Self::Unreadable(_) => false,
        }
    }
}

fn write_passes(error: &api::Error) -> bool {
    matches!(error, api::Error::Refused { source, .. } if passes(source))
}

fn passes(error: &kube::Error) -> bool {
    match error {
        // The connection, timeouts included.
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        kube::Error::Api(status) => is_retried(status) || is_of_a_deletion(status),
        _ => false,
    }
}

/// Conflict, too many requests, unavailable, timeouts; <https://kubernetes.io/docs/reference/using-api/api-concepts/> and
/// the API conventions name the codes. What etcd says itself (no leader, timed out) comes as an internal error.
fn is_retried(status: &Status) -> bool {
    matches!(status.code, 409 | 429 | 503 | 504)
        || status.reason == "ServerTimeout"
        || (status.code == 500 && status.message.starts_with("etcdserver:"))
}

/// An object or its namespace has gone while it was looked at. A kind that the API server does not know has no name.
fn is_of_a_deletion(status: &Status) -> bool {
    let Some(details) = &status.details else {
        return false;
    };
    let terminating = || {
        let mut causes = details.causes.iter();
        causes.any(|cause| cause.reason == "NamespaceTerminating")
    };
    (status.code == 404 && !details.name.is_empty()) || (status.code == 403 && terminating())
}

#[cfg(test)]
mod tests {
    use std::io;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn refused(status: Value) -> Error {
        let status: Status = serde_json::from_value(status).unwrap();
        Error::Write(api::Error::Refused {
            verb: "patch",
            kind: "StatefulSet".to_owned(),
            name: "market-kafka-r0".to_owned(),
            source: Box::new(kube::Error::Api(Box::new(status))),
        })
    }

    #[rstest]
    #[case::conflict(json!({"code": 409, "reason": "Conflict"}))]
    #[case::already_there(json!({"code": 409, "reason": "AlreadyExists"}))]
    #[case::busy(json!({"code": 429, "reason": "TooManyRequests"}))]
    #[case::away(json!({"code": 503, "reason": "ServiceUnavailable"}))]
    #[case::timeout(json!({"code": 504, "reason": "Timeout"}))]
    #[case::server_timeout(json!({"code": 500, "reason": "ServerTimeout"}))]
    #[case::etcd(json!({"code": 500, "message": "etcdserver: request timed out"}))]
    #[case::object_gone(json!({"code": 404, "reason": "NotFound", "details": {"name": "market"}}))]
    #[case::namespace_going(json!({"code": 403, "details": {"causes": [{"reason": "NamespaceTerminating"}]}}))]
    fn what_passes_by_itself_is_no_error(#[case] status: Value) {
        assert!(refused(status).is_transient());
    }

    #[rstest]
    #[case::immutable_field(json!({"code": 422, "reason": "Invalid", "details": {"name": "market-kafka-r0"}}))]
    #[case::no_permission(json!({"code": 403, "reason": "Forbidden", "details": {"name": "market-kafka-r0"}}))]
    #[case::quota(json!({"code": 403, "reason": "Forbidden", "message": "exceeded quota"}))]
    #[case::unknown_kind(json!({"code": 404, "reason": "NotFound", "details": {}}))]
    #[case::webhook(json!({"code": 500, "reason": "InternalError", "message": "failed calling webhook"}))]
    #[case::bad_request(json!({"code": 400, "reason": "BadRequest"}))]
    fn what_needs_a_look_is_an_error(#[case] status: Value) {
        assert!(!refused(status).is_transient());
    }

    #[test]
    fn a_lost_connection_passes_and_what_cannot_be_read_does_not() {
        let cut = io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(Error::Read(kube::Error::Service(cut.into())).is_transient());
        let broken = serde_json::from_str::<Value>("{").unwrap_err();
        assert!(!Error::Read(kube::Error::SerdeError(broken)).is_transient());
        assert!(!Error::Unreadable("spec.kafka: invalid type".to_owned()).is_transient());
    }
}
