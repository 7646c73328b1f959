//! One connection to a broker: a request at a time, and its answer. Kafka's protocol itself is `kafka-protocol`'s.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Time to connect, name lookup included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A broker that takes longer, besides what it was asked to wait, is taken for dead. It may only be slow: then asking
/// again costs one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// Bytes of the largest answer: librdkafka's `receive.message.max.bytes`.
const LARGEST_ANSWER: usize = 100_000_000;

/// Why a broker could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// No connection, or none any more.
    #[error("broker {broker}: {source}")]
    Broken {
        /// `host:port`.
        broker: String,
        /// What the system said.
        source: io::Error,
    },
    /// An answer of another form than the protocol's.
    #[error("broker {broker} gave an answer that cannot be read ({problem}); is it a Kafka broker?")]
    Unreadable {
        /// `host:port`.
        broker: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    broker: String,
    client_id: StrBytes,
    frames: Framed<TcpStream, LengthDelimitedCodec>,
    asked: i32,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(broker: &str, client_id: &str) -> Result<Self, ConnectionError> {
        let stream = within(broker, CONNECT_LIMIT, TcpStream::connect(broker)).await?;
        stream.set_nodelay(true).map_err(broken(broker))?;
        let codec = LengthDelimitedCodec::builder()
            .max_frame_length(LARGEST_ANSWER)
            .new_codec();
        Ok(Self {
            broker: broker.to_owned(),
            client_id: StrBytes::from_string(client_id.to_owned()),
            frames: Framed::new(stream, codec),
            asked: 0,
        })
    }

    /// Asks and waits for the answer, for `patience` longer than a broker usually takes. A connection that has failed is not
    /// to be asked again.
    pub async fn ask<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        patience: Duration,
    ) -> Result<R::Response, ConnectionError> {
        self.asked = self.asked.wrapping_add(1);
        let frame = encode(request, version, self.asked, &self.client_id);
        let frame = frame.map_err(|problem| self.unreadable(problem))?;
        let frames = &mut self.frames;
        let answered = async {
            frames.send(frame).await?;
            frames
                .next()
                .await
                .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
        };
        let answer = within(&self.broker, ANSWER_LIMIT + patience, answered).await?;
        decode::<R>(answer.freeze(), version, self.asked).map_err(|problem| self.unreadable(problem))
    }

    fn unreadable(&self, problem: impl ToString) -> ConnectionError {
        ConnectionError::Unreadable {
            broker: self.broker.clone(),
            problem: problem.to_string(),
        }
    }
}

/// A request as it goes over the wire, but for its length, which is the codec's.
fn encode<R: Request>(request: &R, version: i16, id: i32, client_id: &StrBytes) -> anyhow::Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(id)
        .with_client_id(Some(client_id.clone()));
    let mut frame = BytesMut::new();
    encode_request_header_into_buffer(&mut frame, &header)?;
    request.encode(&mut frame, version)?;
    Ok(frame.freeze())
}

fn decode<R: Request>(mut answer: Bytes, version: i16, id: i32) -> anyhow::Result<R::Response> {
    let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
    anyhow::ensure!(
        header.correlation_id == id,
        "it answers request {}, not {id}",
        header.correlation_id
    );
    R::Response::decode(&mut answer, version)
}

async fn within<T>(
    broker: &str,
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, ConnectionError> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(broken(broker))
}

fn broken(broker: &str) -> impl FnOnce(io::Error) -> ConnectionError + '_ {
    |source| ConnectionError::Broken {
        broker: broker.to_owned(),
        source,
    }
}
