//! Starting workers once what they need exists, so that they never crash while waiting for it.

use crds::{names::Role, status::condition};

use super::{Awaited, Part, Plan, Step, view::View};

/// Adds the workers that may start, and what the others wait for.
pub fn start(view: &View, plan: &mut Plan) {
    let mut waiting = vec![];
    for role in [Role::Ingest, Role::Processor] {
        let missing = missing(role, view);
        let exists = view.workers.iter().any(|w| w.role == role && w.exists);
        if exists || missing.is_empty() {
            plan.steps.push(Step::ApplyWorkers(role));
        } else {
            let needs: Vec<_> = missing.into_iter().map(Part::what).collect();
            waiting.push(format!("{role} waits for {}", needs.join(", ")));
        }
    }
    if !waiting.is_empty() {
        plan.awaited.push(Awaited {
            condition: condition::WORKERS_READY,
            reason: "WaitingForBootstrap",
            message: waiting.join("; "),
            unknown: false,
        });
        return;
    }
    let changing = view.workers.iter().filter(|w| w.exists && !w.rolled_out);
    plan.changing
        .extend(changing.map(|w| format!("Deployment {} is rolling out", w.name)));
    if let Some(worker) = view
        .workers
        .iter()
        .find(|w| !w.exists || !w.rolled_out || w.ready < w.desired)
    {
        if let Some(why) = &worker.unplaceable {
            plan.awaited.push(Awaited {
                condition: condition::WORKERS_READY,
                reason: "PlacementUnsatisfied",
                message: why.clone(),
                unknown: false,
            });
            return;
        }
        let refused = worker
            .refused
            .as_ref()
            .map(|why| format!("; no pod is created: {why}"));
        let stuck = worker.stuck.as_ref().map(|why| format!("; {why}"));
        plan.awaited.push(Awaited {
            condition: condition::WORKERS_READY,
            reason: if refused.is_some() {
                "PodsRefused"
            } else if stuck.is_some() {
                "PodCannotRun"
            } else {
                "WorkersNotReady"
            },
            message: format!(
                "waiting for Deployment {}: {} of {} pods ready{}{}",
                worker.name,
                worker.ready,
                worker.desired,
                refused.unwrap_or_default(),
                stuck.unwrap_or_default()
            ),
            unknown: false,
        });
    }
}

fn missing(role: Role, view: &View) -> Vec<Part> {
    let mut needs = vec![Part::Topics];
    if role == Role::Processor && view.hot_lane {
        needs.push(Part::Schema);
    }
    if role == Role::Processor && view.archive_lane {
        needs.push(Part::Archive);
    }
    needs.retain(|part| !view.part(*part).exists);
    needs
}
