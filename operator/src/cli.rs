//! The command line. Every flag can be set by the environment variable named beside it.

use std::net::SocketAddr;

use clap::Parser;

/// Runs the CryptoPipeline controller until SIGTERM.
#[derive(Clone, Debug, Parser)]
#[command(name = "operator", version)]
pub struct Cli {
    /// Namespace of the leader election lease: the operator's own.
    #[arg(long, env = "OPERATOR_NAMESPACE", default_value = "cryptopipeline-system")]
    pub namespace: String,

    /// Name of the leader election lease.
    #[arg(long, env = "LEASE_NAME", default_value = crds::names::MANAGER)]
    pub lease_name: String,

    /// Name of this pod: its identity in the lease and in events.
    #[arg(long, env = "POD_NAME", default_value = crds::names::MANAGER)]
    pub pod_name: String,

    /// Only pipelines of this namespace are run. Absent: of every namespace.
    #[arg(long, env = "WATCH_NAMESPACE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub watch_namespace: Option<String>,

    /// Address of `/livez`, `/readyz` and `/metrics`.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Log filter in tracing's syntax, for instance `info,operator=debug`.
    #[arg(long, env = "LOG", default_value = "info")]
    pub log: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_default() {
        let cli = Cli::try_parse_from(["operator"]).unwrap();
        assert_eq!(cli.watch_namespace, None);
        assert_eq!(cli.listen.port(), 8080);
    }

    #[test]
    fn an_empty_watch_namespace_is_refused_instead_of_watching_nothing() {
        assert!(Cli::try_parse_from(["operator", "--watch-namespace="]).is_err());
    }
}
