//! The JSON control frames of a stream connection: what they say and how they are answered. No I/O.
//! Forms as documented (web-socket-streams.md, Live Subscribing/Unsubscribing) and, where the page differs
//! from the exchange, as seen on the wire: an error is wrapped in `{"error":…}`.

use serde::Serialize;
use serde_json::Value;

const METHODS: &str = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

/// A well-formed control frame.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// Returned in the answer.
    pub id: Value,
    /// What is asked for.
    pub command: Command,
}

/// What a client can ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Listen to these streams too.
    Subscribe(Vec<String>),
    /// Listen to these streams no longer.
    Unsubscribe(Vec<String>),
    /// Name the streams listened to.
    ListSubscriptions,
    /// Switch the `{"stream":…,"data":…}` envelope.
    SetCombined(bool),
    /// Tell whether there is an envelope.
    GetCombined,
}

/// A control frame that is answered with an error.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    code: u8,
    msg: String,
    id: Option<Value>,
    /// Whether the exchange ends the connection after the answer.
    pub closes: bool,
}

impl Refusal {
    fn invalid(problem: impl AsRef<str>, id: Option<&Value>) -> Self {
        Self {
            code: 2,
            msg: format!("Invalid request: {}", problem.as_ref()),
            id: id.cloned(),
            closes: false,
        }
    }

    /// A stream name that cannot be one; the exchange ends the connection over it.
    pub fn invalid_stream() -> Self {
        Self {
            closes: true,
            ..Self::invalid("invalid stream", None)
        }
    }

    /// More streams than one connection may have.
    pub fn too_many_subscriptions(id: Option<Value>) -> Self {
        Self {
            code: 4,
            msg: "Too many subscriptions".to_owned(),
            id,
            closes: false,
        }
    }

    /// The answer as sent.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            code: u8,
            msg: &'a str,
        }
        #[derive(Serialize)]
        struct Answer<'a> {
            error: Body<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a Value>,
        }
        json(&Answer {
            error: Body {
                code: self.code,
                msg: &self.msg,
            },
            id: self.id.as_ref(),
        })
    }
}

/// The answer to a request that succeeded; `result` is null unless something was asked.
pub fn answer(id: &Value, result: &Value) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        result: &'a Value,
        id: &'a Value,
    }
    json(&Answer { result, id })
}

fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

/// Reads a control frame.
pub fn parse(text: &str) -> Result<Request, Refusal> {
    let frame: Value = serde_json::from_str(text).map_err(|error| Refusal {
        code: 3,
        msg: format!("Invalid JSON: {error}"),
        id: None,
        closes: false,
    })?;
    let id = match frame.get("id") {
        Some(id) if is_request_id(id) => id.clone(),
        _ => return Err(Refusal::invalid("request ID must be an unsigned integer", None)),
    };
    let command = command(&frame, &id)?;
    Ok(Request { id, command })
}

/// A 64-bit integer, up to 36 alphanumeric characters, or null.
fn is_request_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.is_i64(),
        Value::String(text) => {
            text.len() <= 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }
        _ => false,
    }
}

fn command(frame: &Value, id: &Value) -> Result<Command, Refusal> {
    let invalid = |problem: &str| Refusal::invalid(problem, Some(id));
    let method = frame
        .get("method")
        .ok_or_else(|| invalid("missing field `method`"))?;
    let none = Vec::new();
    let parameters = frame.get("params").and_then(Value::as_array).unwrap_or(&none);
    match method.as_str() {
        Some("SUBSCRIBE") => Ok(Command::Subscribe(streams(parameters)?)),
        Some("UNSUBSCRIBE") => Ok(Command::Unsubscribe(streams(parameters)?)),
        Some("LIST_SUBSCRIPTIONS") => Ok(Command::ListSubscriptions),
        Some("GET_PROPERTY") => match parameters.as_slice() {
            [name] => combined(name, id).map(|()| Command::GetCombined),
            [] => Err(invalid("property name must be a string")),
            _ => Err(invalid("too many parameters")),
        },
        Some("SET_PROPERTY") => match parameters.as_slice() {
            [name, Value::Bool(value)] => combined(name, id).map(|()| Command::SetCombined(*value)),
            [_, _] => Err(Refusal {
                code: 1,
                msg: "Invalid value type: expected Boolean".to_owned(),
                id: Some(id.clone()),
                closes: false,
            }),
            [] | [_] => Err(invalid("property name must be a string")),
            _ => Err(invalid("too many parameters")),
        },
        other => {
            let other = other.unwrap_or_default();
            Err(invalid(&format!(
                "unknown variant `{other}`, expected one of {METHODS}"
            )))
        }
    }
}

fn combined(property: &Value, id: &Value) -> Result<(), Refusal> {
    match property.as_str() {
        Some("combined") => Ok(()),
        Some(_) => Err(Refusal {
            code: 0,
            msg: "Unknown property".to_owned(),
            id: Some(id.clone()),
            closes: false,
        }),
        None => Err(Refusal::invalid("property name must be a string", Some(id))),
    }
}

fn streams(parameters: &[Value]) -> Result<Vec<String>, Refusal> {
    parameters
        .iter()
        .map(|stream| {
            stream
                .as_str()
                .filter(|name| is_stream_name(name))
                .map(str::to_owned)
        })
        .collect::<Option<_>>()
        .ok_or_else(Refusal::invalid_stream)
}

/// Whether this can be a stream name. Like the exchange, it does not ask whether there is such a symbol:
/// an unknown one is accepted and stays silent.
pub fn is_stream_name(name: &str) -> bool {
    let mut parts = name.split('@');
    let well_formed = |part: &str| !part.is_empty() && !part.contains(['#', '/', ' ', '"']);
    name.starts_with('!') || (name.contains('@') && parts.all(well_formed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_read() {
        let command = |text: &str| parse(text).unwrap().command;
        let streams = || vec!["btcusdt@trade".to_owned()];
        assert_eq!(
            command(r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}"#),
            Command::Subscribe(streams())
        );
        assert_eq!(
            command(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":null}"#),
            Command::Unsubscribe(streams())
        );
        assert_eq!(
            command(r#"{"method":"LIST_SUBSCRIPTIONS","id":"a1"}"#),
            Command::ListSubscriptions
        );
        assert_eq!(
            command(r#"{"method":"GET_PROPERTY","params":["combined"],"id":-1}"#),
            Command::GetCombined
        );
        assert_eq!(
            command(r#"{"method":"SET_PROPERTY","params":["combined",true],"id":1}"#),
            Command::SetCombined(true)
        );
    }

    #[rstest::rstest]
    #[case(
        "nonsense",
        r#"{"error":{"code":3,"msg":"Invalid JSON: expected ident at line 1 column 2"}}"#
    )]
    #[case(
        r#"{"id":1}"#,
        r#"{"error":{"code":2,"msg":"Invalid request: missing field `method`"},"id":1}"#
    )]
    #[case(
        r#"{"method":"LIST_SUBSCRIPTIONS"}"#,
        r#"{"error":{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}}"#
    )]
    #[case(
        r#"{"method":"LISTEN","id":4}"#,
        r#"{"error":{"code":2,"msg":"Invalid request: unknown variant `LISTEN`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":4}"#
    )]
    #[case(
        r#"{"method":"SUBSCRIBE","params":["@@@junk###"],"id":4}"#,
        r#"{"error":{"code":2,"msg":"Invalid request: invalid stream"}}"#
    )]
    #[case(
        r#"{"method":"SET_PROPERTY","params":["combined","yes"],"id":4}"#,
        r#"{"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":4}"#
    )]
    #[case(
        r#"{"method":"GET_PROPERTY","params":["speed"],"id":4}"#,
        r#"{"error":{"code":0,"msg":"Unknown property"},"id":4}"#
    )]
    fn errors_have_the_form_of_the_exchange(#[case] text: &str, #[case] answer: &str) {
        assert_eq!(parse(text).unwrap_err().to_json(), answer);
    }

    #[test]
    fn answers_have_the_form_of_the_exchange() {
        assert_eq!(answer(&1.into(), &Value::Null), r#"{"result":null,"id":1}"#);
        assert_eq!(
            answer(&"x".into(), &vec!["btcusdt@trade"].into()),
            r#"{"result":["btcusdt@trade"],"id":"x"}"#
        );
    }
}
