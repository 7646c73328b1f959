//! The CryptoPipeline API: the custom resource, its defaults and validation rules, the names of everything made from
//! it, and the wire types that the operator and the workers share, with a reader of the workers' metrics. Pure data: nothing here does I/O.

pub mod duration;
pub mod gap;
pub mod names;
pub mod quantity;
pub mod reason;
pub mod scrape;
pub mod spec;
pub mod speed;
pub mod status;
pub mod tables;
pub mod wire;

pub use spec::{CryptoPipeline, CryptoPipelineSpec};
pub use status::CryptoPipelineStatus;

/// API group of the custom resource and prefix of every label and annotation the operator sets.
pub const GROUP: &str = "cryptopipeline.dev";
