//! The writes of a reconciliation that the API server refused, and what they hold back. Pure.
//!
//! A write that is refused for good must not keep others from being done. What refers to it waits: the pods of an engine for
//! the engine's files and Services, a worker for its own. Other engines and workers, and steps that need nothing of it, go on.

use std::fmt;

use crds::names::{LABEL_COMPONENT, Role};
use kube::ResourceExt;

use crate::{api::Error, engine::Engine};

/// What is held back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The StatefulSets of an engine and the Jobs that format for it.
    Engine(Engine),
    /// The Deployments of a role.
    Workers(Role),
}

impl Component {
    /// That of a role.
    pub fn of(role: Role) -> Self {
        Engine::of(role).map_or(Self::Workers(role), Self::Engine)
    }

    /// That of an object, by its label; none for objects that nothing refers to, such as the compactor's.
    pub fn of_object(object: &impl ResourceExt) -> Option<Self> {
        let label = object.labels().get(LABEL_COMPONENT)?;
        let role = Role::ALL.into_iter().find(|role| role.as_str() == label)?;
        Some(Self::of(role))
    }
}

/// What was refused so far.
#[derive(Debug, Default)]
pub struct Refusals {
    list: Vec<Error>,
    held: Vec<Component>,
}

impl Refusals {
    /// Notes what came of a write, and whether it was done. An API server that did not answer is an error: it would answer the
    /// next write no sooner.
    pub fn note(&mut self, holds: Option<Component>, outcome: Result<(), Error>) -> Result<bool, Error> {
        match outcome {
            Err(refused) if refused.is_answer() => {
                self.list.push(refused);
                self.held.extend(holds);
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    /// Adds the error that ended the reconciliation.
    pub fn end(&mut self, error: Error) {
        self.list.push(error);
    }

    /// Whether something was refused that the component needs.
    pub fn hold(&self, component: Component) -> bool {
        self.held.contains(&component)
    }

    /// The refused writes.
    pub fn list(&self) -> &[Error] {
        &self.list
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.list.iter().map(Error::to_string).collect();
        f.write_str(&all.join("; "))
    }
}

impl std::error::Error for Refusals {}
