//! Which NameNode is asked, and whether it is still there.
//!
//! The client addresses the name service, but knows one NameNode at a time. Told of both, hdfs-native would change over by
//! itself, and hang there: it sets no time limit on connecting, and packets to a pod that is gone are often lost without an
//! answer. So a NameNode is tried for a connection first, watched while it is asked, and left for the next one when it
//! is gone or not the active one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crds::wire::HdfsEndpoint;
use hdfs_native::{Client, ClientBuilder, HdfsError};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    super::store::StoreError,
    error::{classify, unavailable},
};

/// Accepting a connection is the kernel's work, which a busy NameNode does not slow down.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How often a NameNode is looked at that has not answered yet.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The NameNodes of a name service, one of which is asked.
#[derive(Debug)]
pub struct NameNodes {
    endpoint: HdfsEndpoint,
    current: Mutex<Current>,
}

#[derive(Debug, Default)]
struct Current {
    /// Position of the NameNode to try next.
    next: usize,
    link: Option<Arc<Link>>,
}

/// A client of one NameNode.
#[derive(Debug)]
pub struct Link {
    /// Addresses the name service, as if this were its only NameNode.
    pub client: Client,
    position: usize,
    address: String,
}

impl NameNodes {
    /// Connects when the first link is asked for.
    pub fn new(endpoint: HdfsEndpoint) -> Self {
        Self {
            endpoint,
            current: Mutex::default(),
        }
    }

    /// The folder of the archive.
    pub fn archive_path(&self) -> &str {
        &self.endpoint.archive_path
    }

    /// Who the archive is read and written as.
    pub fn user(&self) -> &str {
        &self.endpoint.user
    }

    /// The client in use, or one of the next NameNode that accepts connections.
    pub async fn link(&self) -> Result<Arc<Link>, StoreError> {
        let next = {
            let current = self.current();
            if let Some(link) = &current.link {
                return Ok(link.clone());
            }
            current.next
        };
        let nodes = self.endpoint.name_nodes.iter().enumerate();
        // From the next one on, once around.
        let in_turn = nodes.clone().skip(next).chain(nodes.take(next));
        let mut failure = unavailable("the configuration names no NameNode");
        for (position, (id, address)) in in_turn {
            match reach(address).await {
                Ok(()) => return self.adopt(position, id, address),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Makes a client, unless somebody else was faster.
    fn adopt(&self, position: usize, id: &str, address: &str) -> Result<Arc<Link>, StoreError> {
        let link = Link {
            client: connect(&self.endpoint, id, address).map_err(classify)?,
            position,
            address: address.to_owned(),
        };
        let mut current = self.current();
        Ok(current.link.get_or_insert_with(|| Arc::new(link)).clone())
    }

    /// Leaves a NameNode for the next one. Of many that report the same link only the first moves on.
    pub fn give_up(&self, link: &Arc<Link>) {
        let mut current = self.current();
        if current
            .link
            .as_ref()
            .is_some_and(|there| Arc::ptr_eq(there, link))
        {
            current.link = None;
            current.next = (link.position + 1) % self.endpoint.name_nodes.len().max(1);
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// The NameNode's host name.
    pub fn host(&self) -> &str {
        self.address
            .rsplit_once(':')
            .map_or(&*self.address, |(host, _)| host)
    }

    /// Ends when the NameNode no longer accepts connections.
    pub async fn lost(&self) -> StoreError {
        loop {
            sleep(LOOK_EVERY).await;
            if let Err(error) = reach(&self.address).await {
                return error;
            }
        }
    }
}

async fn reach(address: &str) -> Result<(), StoreError> {
    match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
        Ok(Ok(_connection)) => Ok(()),
        Ok(Err(error)) => Err(unavailable(format_args!("{address}: {error}"))),
        Err(_) => Err(unavailable(format_args!(
            "{address}: no connection within {} s",
            CONNECT_LIMIT.as_secs()
        ))),
    }
}

fn connect(endpoint: &HdfsEndpoint, id: &str, address: &str) -> Result<Client, HdfsError> {
    let service = &endpoint.name_service;
    let config = [
        (format!("dfs.ha.namenodes.{service}"), id),
        (format!("dfs.namenode.rpc-address.{service}.{id}"), address),
        // Changing over and trying again are ours.
        ("dfs.client.failover.max.attempts".to_owned(), "0"),
        ("dfs.client.socket-timeout".to_owned(), "20000"),
    ];
    ClientBuilder::new()
        .with_url(format!("hdfs://{service}"))
        .with_config(config.map(|(key, value)| (key, value.to_owned())))
        .with_user(endpoint.user.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    fn name_nodes(addresses: &[&String]) -> NameNodes {
        let ids = (0..).map(|number| format!("nn{number}"));
        NameNodes::new(HdfsEndpoint {
            name_service: "market".to_owned(),
            name_nodes: ids.zip(addresses.iter().copied().cloned()).collect(),
            user: "hdfs".to_owned(),
            archive_path: "/crypto_data/trades".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_name_node_that_refuses_connections_is_passed_over() {
        let (gone, first) = listen();
        let (_there, second) = listen();
        drop(gone);
        let link = name_nodes(&[&first, &second]).link().await.unwrap();
        assert_eq!(link.address, second);
    }

    #[tokio::test]
    async fn where_none_accepts_connections_that_is_told_soon() {
        let (gone, address) = listen();
        drop(gone);
        let error = name_nodes(&[&address]).link().await.unwrap_err();
        assert_eq!(error.reason(), "HdfsUnavailable");
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[tokio::test]
    async fn a_name_node_given_up_is_left_once_however_many_give_it_up() {
        let (_first, one) = listen();
        let (_second, two) = listen();
        let nodes = name_nodes(&[&one, &two]);
        let first = nodes.link().await.unwrap();
        assert_eq!(first.address, one);
        nodes.give_up(&first);
        let second = nodes.link().await.unwrap();
        assert_eq!(second.address, two);
        nodes.give_up(&first);
        assert!(Arc::ptr_eq(&nodes.link().await.unwrap(), &second));
        nodes.give_up(&second);
        assert_eq!(nodes.link().await.unwrap().address, one);
    }

    #[tokio::test]
    async fn a_name_node_that_vanishes_is_noticed() {
        let (listener, address) = listen();
        let link = name_nodes(&[&address]).link().await.unwrap();
        drop(listener);
        tokio::time::pause();
        assert_eq!(link.lost().await.reason(), "HdfsUnavailable");
    }
}
