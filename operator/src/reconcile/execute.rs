//! The part of a reconciliation that carries a valid pipeline out: build, plan, apply, status.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crds::{
    CryptoPipelineStatus,
    names::Role,
    status::{AutoscalingStatus, Identity, Phase},
};
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, runtime::controller::Action};

use super::{
    Error, Pass, WHILE_CHANGING, WHILE_READY,
    apply::Applier,
    compaction::Compaction,
    data_flow::{self, Answers, Frame},
    deletion,
    dereference::{self, Observed},
    flow::Flow,
    now,
    refusals::Refusals,
    sites::{self, Sites},
    status,
    symbols::{self, Behind},
    validate::ValidatedPipeline,
    view::{self, Sources},
    volumes,
};
use crate::{
    api,
    bootstrap::{Finding, Outcome, Recorded, Unavailable, Wanted},
    build,
    events::Notice,
    milestone::Milestone,
    name_node::NameNodeState,
    plan::{
        self, Bootstrap, Part, Plan, Step, View,
        autoscaling::{Rule, Sight},
    },
};

/// Time to the next look after a step that lets another one follow at once.
const AT_ONCE: Duration = Duration::from_millis(200);

impl Pass<'_> {
    pub(super) async fn carry_out(
        &self,
        pipeline: ValidatedPipeline,
        observed: &Observed,
        answers: &Answers,
    ) -> Result<Action, Error> {
        let writer = self.context.writer(self.namespace);
        let paused = pipeline.spec.paused;
        let resources = build::build(&pipeline);
        let mut applier = Applier {
            writer: &writer,
            pipeline: &pipeline,
            resources: &resources,
            observed,
            refusals: Refusals::default(),
        };
        let mut executed = Executed::default();
        if !paused {
            // A full disk waits for nothing else.
            executed.fixed = self.grow(&mut applier).await?;
            deletion::hold(&writer, self.object).await?;
            self.record(&pipeline.facts.identity).await?;
        }
        let wanted = Wanted::of(&pipeline);
        let part = |part| self.part(part, &wanted);
        let name_nodes = self.name_nodes(observed).await;
        let mut view = view::view(&Sources {
            pipeline: &pipeline,
            resources: &resources,
            observed,
            name_nodes: &name_nodes,
            part: &part,
            now: now(),
        });
        self.ask_engines(&mut view, observed, &wanted, now()).await;
        let plan = plan::plan(&view);
        let pods: Vec<&Pod> = view::running(observed, Role::Ingest).collect();
        let versions = build::workers::symbols_versions(&pipeline);
        let behind = symbols::behind(&pods, &answers.ingest, &versions);
        let carried = if paused {
            applier.suspend().await
        } else {
            self.execute(&mut applier, &plan, &wanted, &behind, &mut executed)
                .await
        };
        executed.refusals = applier.refusals;
        if let Err(error) = carried {
            executed.refusals.end(error);
        }
        // The status tells of parts that were created just now.
        view.set_parts(part);
        let mut plan = plan::plan(&view)
            .after_writes(!writer.converged())
            .following(behind.iter().map(|worker| worker.pod.as_str()));
        let unfinished = volumes::unfinished(&pipeline, observed);
        plan.changing.extend(unfinished.growing);
        executed.failed = unfinished.failed;
        let seen = Seen {
            compaction: Compaction::of(&pipeline, observed),
            sites: self.sites(&pipeline, observed, &view, answers).await,
        };
        self.measure(&pipeline, observed, &view).await;
        self.conclude(&pipeline, &view, &plan, answers, seen, executed)
            .await
    }

    /// Carries the steps out in order. Those that need what was refused are left out; an API server that does not answer ends it.
    async fn execute(
        &self,
        applier: &mut Applier<'_>,
        plan: &Plan,
        wanted: &Wanted,
        behind: &[Behind],
        executed: &mut Executed,
    ) -> Result<(), api::Error> {
        applier.keep_claims().await?;
        applier.supporting().await?;
        for step in &plan.steps {
            if let Step::Bootstrap(part) = step {
                executed.follow_at_once |= self.bootstrap(*part, wanted).await;
                continue;
            }
            if !applier.step(step).await? {
                continue;
            }
            match step {
                Step::Restart { pod, .. } => self.tell(Notice::restart(pod)).await,
                Step::Record(milestone) if !milestone.is_recorded(&applier.pipeline.facts.identity) => {
                    executed.milestones.push(*milestone);
                    executed.follow_at_once = true;
                    let what = Finding::new("EngineFormed", milestone.what());
                    self.tell(Notice::done(&what)).await;
                }
                _ => {}
            }
        }
        applier.orphans().await?;
        for pod in sites::stranded(&applier.pipeline.spec, applier.observed, now()) {
            if applier.take_off(pod).await? {
                self.tell(Notice::moved(&pod.name_any())).await;
            }
        }
        applier.note_symbols(behind).await
    }

    /// How a part stands: as this process knows, or as the status says since an earlier one.
    fn part(&self, part: Part, wanted: &Wanted) -> Bootstrap {
        let conditions = self.previous().conditions;
        let recorded = conditions.iter().find(|c| c.type_ == part.condition());
        let recorded = match recorded {
            Some(condition) if condition.status != "True" => Recorded::Never,
            Some(condition) if condition.observed_generation == self.object.metadata.generation => {
                Recorded::OfThisSpec
            }
            Some(_) => Recorded::OfAnEarlierSpec,
            None => Recorded::Never,
        };
        self.context.memories.with(&self.uid(), |memory| {
            memory.state(part, wanted, recorded, Instant::now())
        })
    }

    /// Says whether the part has just become available.
    async fn bootstrap(&self, part: Part, wanted: &Wanted) -> bool {
        let result: Result<Outcome, Unavailable> = match part {
            Part::Topics => self.context.topics.ensure(wanted.topics.clone()).await,
            Part::Schema => self.context.schema.ensure(wanted.schema.clone()).await,
            Part::Archive => self.context.archive.ensure(wanted.archive.clone()).await,
        };
        match &result {
            Ok(outcome) => {
                for change in &outcome.changes {
                    self.tell(Notice::done(change)).await;
                }
            }
            Err(error) => {
                tracing::warn!(what = part.what(), reason = error.reason(), %error, "not available yet");
            }
        }
        self.context.memories.with(&self.uid(), |memory| {
            let before = memory.outcome(part).cloned();
            memory.record(part, wanted, Instant::now(), result);
            before.as_ref() != memory.outcome(part)
        })
    }

    /// Asks for larger volumes, and says which cannot be had because their class cannot expand them.
    async fn grow(&self, applier: &mut Applier<'_>) -> Result<Vec<String>, api::Error> {
        let mut growing = vec![];
        let mut fixed = vec![];
        for growth in volumes::growing(applier.pipeline, applier.observed) {
            let class = growth.class.as_deref().unwrap_or_default();
            let expands = if class.is_empty() {
                Ok(false)
            } else {
                dereference::can_expand(&self.context.client, class).await
            };
            match expands {
                Ok(true) => growing.push(growth),
                Ok(false) => fixed.push(format!(
                    "claim {} stays at {}, because its storage class ({class}) cannot expand volumes; set the size back \
                     to that, or move the data to a class that can",
                    growth.claim, growth.before
                )),
                // Asked again next time.
                Err(error) => tracing::warn!(%error, class, "cannot read the storage class"),
            }
        }
        applier.grow(&growing).await?;
        Ok(fixed)
    }

    /// Asks every NameNode at once.
    async fn name_nodes(&self, observed: &Observed) -> BTreeMap<String, NameNodeState> {
        let source = &self.context.name_nodes;
        let asked = view::running(observed, Role::NameNode).map(|pod| async move {
            let state = source.state(address(pod)?).await?;
            Some((pod.name_any(), state))
        });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().collect()
    }

    /// Asks every worker pod at once.
    pub(super) async fn ask(&self, observed: &Observed) -> Answers {
        let addresses =
            |role: Role| -> Vec<Option<String>> { view::running(observed, role).map(address).collect() };
        let workers = &self.context.workers;
        let ingest = addresses(Role::Ingest).into_iter().map(|address| async {
            match address {
                Some(address) => workers.ingest(address).await,
                None => None,
            }
        });
        let processors = addresses(Role::Processor).into_iter().map(|address| async {
            match address {
                Some(address) => workers.processor(address).await,
                None => None,
            }
        });
        let (ingest, processors) = futures::join!(
            futures::future::join_all(ingest),
            futures::future::join_all(processors)
        );
        Answers { ingest, processors }
    }

    /// Writes the status, also after a refused write: that is what the status must say.
    async fn conclude(
        &self,
        pipeline: &ValidatedPipeline,
        view: &View,
        plan: &Plan,
        answers: &Answers,
        seen: Seen,
        executed: Executed,
    ) -> Result<Action, Error> {
        let failure = failure(&executed);
        let previous = self.previous();
        let Flow {
            frame,
            figures: data_flow,
            verdict,
            listing,
        } = self.flow(&pipeline.spec, answers);
        let autoscaling = scale(pipeline, view, answers, frame, &previous);
        let scaled = autoscaling
            .as_ref()
            .is_some_and(|decided| decided.replicas != pipeline.processors);
        let memory = self.context.memories.get(&self.uid());
        let supply = self.supply(pipeline, data_flow.as_ref(), answers, frame);
        let report = status::Report {
            pipeline,
            identity: &executed.identity(&pipeline.facts.identity),
            view,
            plan,
            differences: Part::ALL
                .into_iter()
                .filter_map(|part| Some((part, memory.outcome(part)?.differences.clone())))
                .collect(),
            failure,
            listing,
            verdict,
            data_flow,
            autoscaling,
            compaction: seen.compaction,
            sites: seen.sites,
            supply,
        };
        let status = status::report(&previous, self.object.metadata.generation, &report, now());
        self.publish(&status).await?;
        if !executed.refusals.list().is_empty() {
            return Err(Error::Refused(executed.refusals));
        }
        Ok(Action::requeue(match status.phase {
            _ if executed.follow_at_once || scaled => AT_ONCE,
            // What fails may be a cut.
            _ if status.placements.values().any(|site| site.since.is_some()) => WHILE_CHANGING,
            Some(Phase::Ready | Phase::Paused) => WHILE_READY,
            _ => WHILE_CHANGING,
        }))
    }
}

/// The number of processors from the next reconciliation on. Recorded before anything is made from it.
fn scale(
    pipeline: &ValidatedPipeline,
    view: &View,
    answers: &Answers,
    frame: Frame,
    previous: &CryptoPipelineStatus,
) -> Option<AutoscalingStatus> {
    let rule = Rule::of(&pipeline.spec)?;
    let begun = AutoscalingStatus {
        replicas: pipeline.processors,
        ..AutoscalingStatus::default()
    };
    let before = previous.autoscaling.clone().unwrap_or(begun);
    if pipeline.spec.paused {
        return Some(before);
    }
    let processor = view.workers.iter().find(|worker| worker.role == Role::Processor);
    let sight = Sight {
        behind: data_flow::behind(answers, frame),
        waiting: data_flow::waiting(answers).is_some(),
        complete: processor.is_some_and(|worker| worker.rolled_out && worker.ready >= worker.desired),
    };
    Some(rule.next(&before, sight, now()))
}

/// What needs a person: every write that was refused, and every volume that cannot grow.
fn failure(executed: &Executed) -> Option<Finding> {
    let refused = executed
        .refusals
        .list()
        .iter()
        .map(|error| (error.reason(), error.to_string()));
    let fixed = executed.fixed.iter().map(|why| ("VolumeCannotGrow", why.clone()));
    let failed = executed
        .failed
        .iter()
        .map(|why| ("VolumeGrowthFailed", why.clone()));
    let all: Vec<_> = refused.chain(fixed).chain(failed).collect();
    let messages: Vec<_> = all.iter().map(|(_, message)| message.as_str()).collect();
    let (reason, _) = all.first()?;
    Some(Finding::new(reason, messages.join("; ")))
}

pub(super) fn address(pod: &Pod) -> Option<String> {
    pod.status.as_ref()?.pod_ip.clone()
}

/// What was seen besides the view.
struct Seen {
    compaction: Option<Compaction>,
    sites: Sites,
}

/// What carrying a plan out has brought.
#[derive(Default)]
struct Executed {
    /// What is behind now.
    milestones: Vec<Milestone>,
    /// Claims whose class cannot expand, in words.
    fixed: Vec<String>,
    /// Claims that their storage driver could not make larger, in words.
    failed: Vec<String>,
    /// The writes that were refused.
    refusals: Refusals,
    /// Another step may follow at once.
    follow_at_once: bool,
}

impl Executed {
    fn identity(&self, before: &Identity) -> Identity {
        let mut identity = before.clone();
        for milestone in &self.milestones {
            milestone.record(&mut identity);
        }
        identity
    }
}
