//! What the workers tell, held against a spec; also against one that is refused.

use std::time::Instant;

use crds::{CryptoPipelineSpec, status::DataFlow};

use super::{
    Pass,
    data_flow::{self, Answers, Frame, Verdict},
    gap_policy, now,
    symbols::{self, Listing},
};

/// What the workers tell.
#[derive(Clone, Debug)]
pub struct Flow {
    /// What it was held against.
    pub frame: Frame,
    /// Their figures.
    pub figures: Option<DataFlow>,
    /// Whether trades flow.
    pub verdict: Verdict,
    /// What is known of the exchange's list of symbols.
    pub listing: Listing,
}

impl Pass<'_> {
    /// Once in a reconciliation: it notes when the workers were asked.
    pub(super) fn flow(&self, spec: &CryptoPipelineSpec, answers: &Answers) -> Flow {
        let frame = Frame {
            partitions: spec.kafka.topics.trades.partitions,
            archive: spec.processor.archive.enabled,
            hot: spec.processor.hot.enabled,
            seconds: self
                .context
                .memories
                .with(&self.uid(), |memory| memory.ask(Instant::now())),
        };
        let gaps = spec.ingest.gap_policy();
        let figures = data_flow::merge(self.previous().data_flow.as_ref(), answers, frame);
        let figures = gap_policy::count(figures, gaps);
        Flow {
            frame,
            verdict: gap_policy::judge(data_flow::judge(figures.as_ref(), answers, now()), gaps),
            figures,
            listing: symbols::listing(&answers.ingest),
        }
    }
}
