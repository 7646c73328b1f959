//! What every pod of a pipeline has in common: the restricted Pod Security Standard, its files, a writable
//! `/tmp`.

use std::collections::BTreeMap;

use crds::spec::PullPolicy;
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
        EnvVarSource, ExecAction, HTTPGetAction, Lifecycle, LifecycleHandler, LocalObjectReference,
        ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile,
        SecurityContext, SleepAction, TCPSocketAction, Volume, VolumeMount,
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::{
    metadata::{CONFIG_HASH_ANNOTATION, Labels},
    placement::Site,
};
use crate::reconcile::validate::ValidatedPipeline;

/// User and group of every image.
const USER: i64 = 10001;
/// Readable by all, executable: scripts are among the files.
const FILE_MODE: i32 = 0o555;
/// How long a container may take to start: a broker that recovers a large log, a NameNode that loads a large image, a
/// Cassandra node that waits for its turn.
const STARTUP_SECONDS: i32 = 3600;
const STARTUP_PERIOD_SECONDS: i32 = 2;

/// Where the files of a role are mounted, and from which ConfigMap.
pub struct ConfigMount {
    /// Name of the ConfigMap.
    pub config_map: String,
    /// Directory in the container.
    pub path: &'static str,
}

/// What differs between pods.
pub struct Parts<'a> {
    /// Labels of the pod.
    pub labels: Labels,
    /// Selects the pods to keep apart from this one.
    pub peers: &'a Labels,
    /// Name of the ServiceAccount.
    pub service_account: String,
    /// Where it may run.
    pub site: &'a Site,
    /// Seconds from SIGTERM to SIGKILL.
    pub grace_seconds: i64,
    /// Hash of the files read at start; absent for pods that run once.
    pub config_hash: Option<String>,
    /// The containers, without what all of them share.
    pub containers: Vec<Container>,
    /// Their files.
    pub config: ConfigMount,
    /// Further volumes.
    pub volumes: Vec<Volume>,
}

/// A pod template.
pub fn template(pipeline: &ValidatedPipeline, parts: Parts<'_>) -> PodTemplateSpec {
    let images = &pipeline.spec.images;
    let pull_secrets = images
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() });
    let mut volumes = vec![
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: parts.config.config_map,
                default_mode: Some(FILE_MODE),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: "tmp".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        },
    ];
    volumes.extend(parts.volumes);
    let mut spec = PodSpec {
        service_account_name: Some(parts.service_account),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(parts.grace_seconds),
        image_pull_secrets: (!images.pull_secrets.is_empty()).then(|| pull_secrets.collect()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // Walking a volume of terabytes at each start takes minutes.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        containers: parts
            .containers
            .into_iter()
            .map(|container| complete(container, images.pull_policy, parts.config.path))
            .collect(),
        volumes: Some(volumes),
        ..PodSpec::default()
    };
    parts.site.apply(&mut spec, parts.peers);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(parts.labels),
            annotations: parts
                .config_hash
                .map(|hash| BTreeMap::from([(CONFIG_HASH_ANNOTATION.to_owned(), hash)])),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}

/// Adds what all containers share.
fn complete(mut container: Container, pull_policy: PullPolicy, config_path: &str) -> Container {
    container.image_pull_policy = Some(
        match pull_policy {
            PullPolicy::Always => "Always",
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Never => "Never",
        }
        .to_owned(),
    );
    container.security_context = Some(SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..SecurityContext::default()
    });
    let mut config = mount("config", config_path);
    config.read_only = Some(true);
    let mounts = container.volume_mounts.get_or_insert_default();
    mounts.extend([config, mount("tmp", "/tmp")]);
    container
}

/// A container that runs a script of its ConfigMap.
pub fn script(image: String, name: &str, script: &str) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(image),
        command: Some(["bash", script].map(str::to_owned).into()),
        ..Container::default()
    }
}

/// A mount of a volume.
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

/// Named container ports.
pub fn ports(ports: &[(&str, u16)]) -> Vec<ContainerPort> {
    let port = |(name, port): &(&str, u16)| ContainerPort {
        name: Some((*name).to_owned()),
        container_port: i32::from(*port),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    ports.iter().map(port).collect()
}

/// An environment variable.
pub fn env(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.into()),
        value_from: None,
    }
}

/// An environment variable from the pod itself, for instance `metadata.name`.
pub fn env_of_pod(name: &str, field_path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: Some("v1".to_owned()),
                field_path: field_path.to_owned(),
            }),
            ..EnvVarSource::default()
        }),
    }
}

/// Asks by HTTP on a named port.
pub fn http_probe(port: &str, path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// Asks whether a named port accepts connections.
pub fn tcp_probe(port: &str) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction {
            port: IntOrString::String(port.to_owned()),
            host: None,
        }),
        ..Probe::default()
    }
}

/// Asks by a script.
pub fn script_probe(path: &str) -> Probe {
    Probe {
        exec: Some(script_action(path)),
        ..Probe::default()
    }
}

/// Goes on for so long after it was told to stop, for the sake of those who are told at the same time and need it.
pub fn linger(seconds: i64) -> Lifecycle {
    before_stop(LifecycleHandler {
        sleep: Some(SleepAction { seconds }),
        ..LifecycleHandler::default()
    })
}

/// Runs a script before the process is told to stop.
pub fn script_before_stop(path: &str) -> Lifecycle {
    before_stop(LifecycleHandler {
        exec: Some(script_action(path)),
        ..LifecycleHandler::default()
    })
}

fn before_stop(handler: LifecycleHandler) -> Lifecycle {
    Lifecycle {
        pre_stop: Some(handler),
        ..Lifecycle::default()
    }
}

fn script_action(path: &str) -> ExecAction {
    ExecAction {
        command: Some(["bash", path].map(str::to_owned).into()),
    }
}

/// Timing of a startup probe: often, because everything else waits for it, and for long.
pub fn while_starting(probe: Probe) -> Probe {
    Probe {
        period_seconds: Some(STARTUP_PERIOD_SECONDS),
        timeout_seconds: Some(2),
        failure_threshold: Some(STARTUP_SECONDS / STARTUP_PERIOD_SECONDS),
        ..probe
    }
}

/// Timing of a readiness probe.
pub fn for_readiness(probe: Probe, period_seconds: i32) -> Probe {
    Probe {
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..probe
    }
}

/// Timing of a liveness probe: patient, because a restart helps only a process that hangs for good.
pub fn for_liveness(probe: Probe) -> Probe {
    Probe {
        period_seconds: Some(10),
        timeout_seconds: Some(10),
        failure_threshold: Some(6),
        ..probe
    }
}
