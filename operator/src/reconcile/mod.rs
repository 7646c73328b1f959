//! The steps of a reconcile.

pub mod validate;
