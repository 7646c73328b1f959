//! What every reconciliation shares.

use std::sync::Arc;

use kube::Client;

use crate::{
    api::Writer,
    bootstrap::{ArchiveAdmin, Memories, SchemaAdmin, TopicAdmin},
    connect::Connector,
    disks::DiskSource,
    events::Events,
    metrics::Metrics,
    name_node::NameNodeSource,
    ring::RingSource,
    worker_status::WorkerStatusSource,
};

/// Clients, counters and memory.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Kubernetes Events.
    pub events: Events,
    /// Kafka's admin interface.
    pub topics: Arc<dyn TopicAdmin>,
    /// Cassandra's schema.
    pub schema: Arc<dyn SchemaAdmin>,
    /// HDFS' folders.
    pub archive: Arc<dyn ArchiveAdmin>,
    /// The NameNodes.
    pub name_nodes: Arc<dyn NameNodeSource>,
    /// Cassandra's nodes.
    pub rings: Arc<dyn RingSource>,
    /// Plain connections to stores.
    pub connector: Arc<dyn Connector>,
    /// The stores' volumes.
    pub disks: Arc<dyn DiskSource>,
    /// The workers.
    pub workers: Arc<dyn WorkerStatusSource>,
    /// What is remembered of each pipeline.
    pub memories: Memories,
}

impl Context {
    /// A writer for objects of this namespace.
    pub fn writer(&self, namespace: &str) -> Writer {
        Writer::new(self.client.clone(), namespace, self.metrics.clone())
    }
}
