//! Which pod may be restarted next, so that it takes up a changed configuration or version.
//!
//! StatefulSets use `OnDelete`, so nothing restarts unless it is decided here: by a list of rules for each engine, of which the first
//! that speaks wins. So there is one restart at a time in an engine, and a reason for every silence. A rule that is left out of a
//! list must be missed by a property of `plan/tests`.

mod gates;
mod rules;

use super::{
    Plan, Step,
    view::{EngineView, Group, Member, View},
};
use crate::engine::Engine;

use self::rules::{Rule, rules};

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Whose restart is decided.
    pub engine: Engine,
    /// Its members.
    pub state: &'a EngineView,
    /// Everything else, what engines tell included.
    pub view: &'a View,
}

/// What a rule says.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It has nothing to say: the next rule is asked.
    Pass,
    /// Nothing is to be done.
    Rest,
    /// No restart now, for this reason.
    Wait(String),
    /// This member goes.
    Restart(Departure<'a>),
}

/// A member that may go. Only the rules of this module make one.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    member: &'a Member,
}

/// Adds the engine's next restart, or says what it waits for.
pub fn next(engine: Engine, state: &EngineView, view: &View, plan: &mut Plan) {
    next_by(rules(engine), Scene { engine, state, view }, plan);
}

/// The same by other rules than the engine's own.
fn next_by(rules: &[Rule], scene: Scene<'_>, plan: &mut Plan) {
    let engine = scene.engine;
    let to_go = scene.outdated().count();
    let verdicts = rules.iter().map(|rule| (rule.decide)(&scene));
    match verdicts
        .into_iter()
        .find(|verdict| !matches!(verdict, Verdict::Pass))
    {
        None | Some(Verdict::Pass | Verdict::Rest) => {}
        Some(Verdict::Wait(why)) if to_go > 0 => plan
            .changing
            .push(format!("{engine}: {to_go} pods to restart; {why}")),
        Some(Verdict::Wait(why)) => plan.changing.push(format!("{engine}: {why}")),
        Some(Verdict::Restart(Departure { member })) => {
            plan.changing
                .push(format!("{engine}: restarting {} ({to_go} to go)", member.pod));
            plan.steps.push(Step::Restart {
                engine,
                pod: member.pod.clone(),
                uid: member.uid.clone(),
                serves: member.ready,
            });
        }
    }
}

impl<'a> Scene<'a> {
    /// Members that do not run what their StatefulSet says now.
    fn outdated(&self) -> impl Iterator<Item = (&'a Group, &'a Member)> + use<'a> {
        self.state.members().filter(|(_, member)| member.outdated)
    }

    /// The serving member that is restarted next: the first of the first role, but the active NameNode last of its role.
    fn next_serving(&self) -> Option<(&'a Group, &'a Member)> {
        let mut serving = self.outdated().filter(|(_, member)| member.ready);
        let first = serving.next()?;
        if !self.is_active(first.1) {
            return Some(first);
        }
        let standby = serving.find(|(group, _)| group.role == first.0.role);
        Some(standby.unwrap_or(first))
    }

    fn is_active(&self, member: &Member) -> bool {
        self.view.active_name_node() == Some(&member.pod)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The names of an engine's rules.
    pub fn names(engine: Engine) -> Vec<&'static str> {
        rules(engine).iter().map(|rule| rule.name).collect()
    }

    /// The engine's next restart if a rule were left out.
    pub fn next_without(rule: &str, engine: Engine, view: &View) -> Plan {
        let kept: Vec<Rule> = rules(engine)
            .iter()
            .copied()
            .filter(|other| other.name != rule)
            .collect();
        let mut plan = Plan::default();
        let state = view.engine(engine);
        next_by(&kept, Scene { engine, state, view }, &mut plan);
        plan
    }
}
