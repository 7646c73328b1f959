//! Whether something takes connections at an address: the plainest question to the way there.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use tokio::{net::TcpStream, time::timeout};

use crate::http::url_host;

/// The longest that a connection may take: some round trips over a slow link.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Tries connections.
pub trait Connector: Send + Sync {
    /// Whether a connection to this host or address is taken.
    fn connects(&self, host: String, port: u16) -> BoxFuture<'_, bool>;
}

/// Tries them over TCP and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connector for Tcp {
    fn connects(&self, host: String, port: u16) -> BoxFuture<'_, bool> {
        async move {
            let address = format!("{}:{port}", url_host(&host));
            matches!(timeout(TIMEOUT, TcpStream::connect(address)).await, Ok(Ok(_)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn only_what_listens_takes_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(Tcp.connects("127.0.0.1".to_owned(), port).await);
        drop(listener);
        assert!(!Tcp.connects("127.0.0.1".to_owned(), port).await);
    }
}
