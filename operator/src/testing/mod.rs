//! A cluster in the test process: an API server that stores objects, the controllers that Kubernetes runs, and engines
//! that accept everything.

mod api_server;
mod cluster;
mod engines;

pub use self::{
    api_server::ApiServer,
    cluster::{Cluster, NAMESPACE, core},
    engines::{Engines, Workers},
};
