//! Takes a pipeline's measure for what endangers its trades: sites, the buffer in Kafka, and once a minute the stores' volumes.

use std::time::Instant;

use crds::{names::Role, quantity, status::DataFlow};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{
    Pass,
    buffer::{self, Filling, Known, Supply},
    data_flow::{self, Answers, Frame},
    dereference::Observed,
    execute::address,
    fill::Measured,
    now,
    sites::{self, Sites},
    validate::ValidatedPipeline,
    view,
};
use crate::{disks::Fill, plan::View};

impl Pass<'_> {
    /// Which sites and nodes are cut off.
    pub(super) async fn sites(
        &self,
        pipeline: &ValidatedPipeline,
        observed: &Observed,
        view: &View,
        answers: &Answers,
    ) -> Sites {
        let connected = self.connected(pipeline, observed).await;
        let probes = sites::probes(&pipeline.spec, view, answers, &connected);
        Sites::of(
            &pipeline.spec,
            observed,
            &probes,
            &self.previous().placements,
            now(),
        )
    }

    /// How long what waits in Kafka is safe, and which stores will soon be full.
    pub(super) fn supply(
        &self,
        pipeline: &ValidatedPipeline,
        flow: Option<&DataFlow>,
        answers: &Answers,
        frame: Frame,
    ) -> Supply {
        let disks = self.context.memories.get(&self.uid()).disks;
        let retention = pipeline.spec.kafka.topics.trades.retention.get().as_secs();
        let retention = i64::try_from(retention).unwrap_or(i64::MAX);
        let buffer = flow.map(|flow| {
            let known = Known {
                flow,
                frame,
                whole: data_flow::whole(answers, frame),
                retention,
                stores: disks.fills(),
            };
            buffer::buffer(self.previous().buffer.as_ref(), &known, now())
        });
        Supply {
            at_risk: buffer
                .as_ref()
                .and_then(|buffer| buffer::at_risk(buffer, retention, now())),
            filling: Filling::of(&disks.fills(), disks.has_rates(), now()),
            buffer,
        }
    }

    /// Asks every broker, the active NameNode and every Cassandra node at once, if it is time to.
    pub(super) async fn measure(&self, pipeline: &ValidatedPipeline, observed: &Observed, view: &View) {
        let due = |memory: &mut crate::bootstrap::Remembered| memory.disks.due(Instant::now());
        if !self.context.memories.with(&self.uid(), due) {
            return;
        }
        let source = &self.context.disks;
        let whole = |fill| Measured {
            fill,
            estimated: false,
        };
        let brokers = view::running(observed, Role::KafkaBroker).map(|pod| async move {
            let fill = source.broker(address(pod)?).await?;
            Some((format!("kafka {}", pod.name_any()), whole(fill)))
        });
        let active = view::running(observed, Role::NameNode)
            .filter(|pod| view.active_name_node() == Some(&pod.name_any()))
            .map(|pod| async move {
                let fill = source.data_nodes(address(pod)?).await?;
                Some(("hdfs".to_owned(), whole(fill)))
            });
        let size = quantity::bytes(&pipeline.spec.cassandra.storage.size).ok();
        let nodes = view::running(observed, Role::Cassandra).map(|pod: &Pod| async move {
            let used = source.cassandra_load(address(pod)?).await?;
            let measured = Measured {
                fill: Fill { used, total: size? },
                estimated: true,
            };
            Some((format!("cassandra {}", pod.name_any()), measured))
        });
        let (brokers, active, nodes) = futures::join!(
            futures::future::join_all(brokers),
            futures::future::join_all(active),
            futures::future::join_all(nodes)
        );
        let measured = brokers.into_iter().chain(active).chain(nodes).flatten().collect();
        self.context
            .memories
            .with(&self.uid(), |memory| memory.disks.add(measured, Instant::now()));
    }
}
