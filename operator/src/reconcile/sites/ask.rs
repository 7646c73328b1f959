//! The operator's own connections to stores, tried with each reconciliation: lanes may need a minute to know that their sink is
//! away.

use crds::names::{CQL_PORT, KAFKA_PORT, Role};

use super::named;
use crate::{
    engine::Engine,
    reconcile::{Pass, dereference::Observed, execute::address, validate::ValidatedPipeline, view},
};

/// Members of a store that are asked: enough to tell a member from the way to all of them.
const ASKED: usize = 3;

/// Which stores take the operator's connections; those that were not asked are left out.
pub type Connected = Vec<(Engine, bool)>;

impl Pass<'_> {
    /// Tries brokers and Cassandra nodes at once. With one site only nobody asks.
    pub(in crate::reconcile) async fn connected(
        &self,
        pipeline: &ValidatedPipeline,
        observed: &Observed,
    ) -> Connected {
        if named(&pipeline.spec).len() < 2 {
            return vec![];
        }
        let stores = [
            (Engine::Kafka, Role::KafkaBroker, KAFKA_PORT),
            (Engine::Cassandra, Role::Cassandra, CQL_PORT),
        ];
        let asked = stores.map(|(engine, role, port)| async move {
            let addresses = view::running(observed, role).filter_map(address).take(ASKED);
            let tried = addresses.map(|host| self.context.connector.connects(host, port));
            let answers = futures::future::join_all(tried).await;
            (!answers.is_empty()).then(|| (engine, answers.contains(&true)))
        });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().collect()
    }
}
