//! Tells the frames of a stream connection apart. Pure; the trade itself is read by `crate::decode`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// What claims to be a trade event, byte for byte.
    Trade(Bytes),
    /// The exchange accepted the request of this id.
    Accepted(u64),
    /// The exchange refused a request.
    Refused {
        /// Binance's error code.
        code: i64,
        /// Binance's words.
        message: String,
    },
    /// The exchange is about to end the connection.
    ServerShutdown,
    /// Sound JSON of no known kind.
    Unknown,
    /// No JSON object; it may have been a trade.
    Broken,
}

/// Everything that the known kinds of frames have. `e` is there in frames without an envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    e: Option<&'a RawValue>,
    id: Option<serde_json::Value>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    msg: String,
}

const TRADE: &str = r#""trade""#;
const SERVER_SHUTDOWN: &str = r#""serverShutdown""#;

/// Tells what a frame is. The trade event shares the frame's memory.
pub fn read(frame: &Bytes) -> Frame {
    let text = frame.trim_ascii();
    if text.first() != Some(&b'{') {
        return Frame::Broken;
    }
    match serde_json::from_slice::<Envelope<'_>>(text) {
        Ok(envelope) => kind(frame, text, envelope),
        Err(error) if error.is_data() => Frame::Unknown,
        Err(_) => Frame::Broken,
    }
}

fn kind(frame: &Bytes, text: &[u8], envelope: Envelope<'_>) -> Frame {
    if let (Some(stream), Some(data)) = (envelope.stream, envelope.data) {
        return if stream.get().ends_with(r#"@trade""#) {
            Frame::Trade(frame.slice_ref(data.get().as_bytes()))
        } else if stream.get() == r#""!serverShutdown""# {
            Frame::ServerShutdown
        } else {
            Frame::Unknown
        };
    }
    match (envelope.e.map(RawValue::get), envelope.error, envelope.id) {
        (Some(TRADE), _, _) => Frame::Trade(frame.slice_ref(text)),
        (Some(SERVER_SHUTDOWN), _, _) => Frame::ServerShutdown,
        (None, Some(Refusal { code, msg }), _) => Frame::Refused { code, message: msg },
        (None, None, Some(id)) => id.as_u64().map_or(Frame::Unknown, Frame::Accepted),
        _ => Frame::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn trade(text: &'static str) -> Frame {
        Frame::Trade(Bytes::from_static(text.as_bytes()))
    }

    #[rstest]
    #[case(
        r#"{"stream":"btcusdt@trade","data":{"e":"trade", "t":1 }}"#,
        trade(r#"{"e":"trade", "t":1 }"#)
    )]
    #[case(r#"{"data":{"t":1},"stream":"btcusdt@trade"}"#, trade(r#"{"t":1}"#))]
    #[case(r#"{"stream":"btcusdt@trade","data":7}"#, trade("7"))]
    #[case(r#" {"e":"trade","t":1} "#, trade(r#"{"e":"trade","t":1}"#))]
    #[case(r#"{"result":null,"id":3}"#, Frame::Accepted(3))]
    #[case(
        r#"{"error":{"code":2,"msg":"Invalid request"},"id":4}"#,
        Frame::Refused { code: 2, message: "Invalid request".to_owned() }
    )]
    #[case(r#"{"e":"serverShutdown","E":1}"#, Frame::ServerShutdown)]
    #[case(
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#,
        Frame::ServerShutdown
    )]
    #[case(r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline"}}"#, Frame::Unknown)]
    #[case(r#"{"e":"outboundAccountPosition"}"#, Frame::Unknown)]
    #[case(r#"{"error":"none"}"#, Frame::Unknown)]
    #[case(r#"{"stream":"btcusdt@trade"}"#, Frame::Unknown)]
    #[case("{}", Frame::Unknown)]
    #[case("[1,2]", Frame::Broken)]
    #[case(r#"{"stream":"btcusdt@trade","data":{"e":"tra"#, Frame::Broken)]
    #[case("", Frame::Broken)]
    fn tells_every_kind(#[case] text: &'static str, #[case] expected: Frame) {
        assert_eq!(read(&Bytes::from_static(text.as_bytes())), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_frame(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes.into());
        }
    }
}
