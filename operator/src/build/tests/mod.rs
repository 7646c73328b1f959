//! What holds for everything that is built: snapshots of four manifests, and rules over all others.

mod changes;
mod fixtures;
mod members;
mod replay;
mod rules;
mod snapshots;
