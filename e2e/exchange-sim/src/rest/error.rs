//! Errors in Binance's form: an HTTP status and `{"code":…,"msg":…}` (errors.md).

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// What a request is refused with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ApiError {
    /// Over the weight or over the connection attempts.
    #[error(
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
    )]
    Limited {
        /// Weight per minute.
        limit: u32,
        /// When there is room again.
        retry_after: Duration,
    },
    /// Did not back off.
    #[error(
        "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans.",
        until.as_millis()
    )]
    Banned {
        /// Since the Unix epoch.
        until: Duration,
        /// The same from now on.
        retry_after: Duration,
    },
    /// A value that does not fit the documented form.
    #[error("Illegal characters found in parameter '{parameter}'; legal range is '{range}'.")]
    IllegalCharacters {
        /// Its name.
        parameter: &'static str,
        /// A regular expression.
        range: &'static str,
    },
    /// A parameter the endpoint does not know.
    #[error("Too many parameters; expected '{expected}' and received '{received}'.")]
    TooManyParameters {
        /// Known ones given.
        expected: usize,
        /// All given.
        received: usize,
    },
    /// No value for a parameter that must have one.
    #[error("Mandatory parameter '{0}' was not sent, was empty/null, or malformed.")]
    Mandatory(&'static str),
    /// Not listed.
    #[error("Invalid symbol.")]
    Symbol,
    /// Neither milli- nor microseconds.
    #[error("Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")]
    TimeUnit,
}

impl ApiError {
    const fn code(&self) -> i32 {
        match self {
            Self::Limited { .. } | Self::Banned { .. } => -1003,
            Self::IllegalCharacters { .. } => -1100,
            Self::TooManyParameters { .. } => -1101,
            Self::Mandatory(_) => -1102,
            Self::Symbol => -1121,
            Self::TimeUnit => -1194,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, wait) = match self {
            Self::Limited { retry_after, .. } => (StatusCode::TOO_MANY_REQUESTS, Some(retry_after)),
            Self::Banned { retry_after, .. } => (StatusCode::IM_A_TEAPOT, Some(retry_after)),
            _ => (StatusCode::BAD_REQUEST, None),
        };
        let mut response = (
            status,
            Json(json!({ "code": self.code(), "msg": self.to_string() })),
        )
            .into_response();
        if let Some(wait) = wait {
            // Rounded up: whoever waits exactly this long is served.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
