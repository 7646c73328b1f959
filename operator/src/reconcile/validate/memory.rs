//! How much CPU, memory and Java heap each role gets. Pure.
//!
//! The JVM's heap is explicit everywhere, because the JVM would else size it from what the container may use at that moment.

use std::collections::BTreeMap;

use crds::{CryptoPipelineSpec, quantity};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};

use super::Problem;

const MIB: u64 = 1 << 20;

/// CPU, memory and heap of one role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sizing {
    /// Of the role's container.
    pub resources: ResourceRequirements,
    /// Java heap in MiB, initial and maximal alike.
    pub heap_mib: u64,
}

/// The sizing of every engine role.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Sizings {
    pub broker: Sizing,
    pub controller: Sizing,
    pub cassandra: Sizing,
    pub zoo_keeper: Sizing,
    pub journal_node: Sizing,
    pub failover_controller: Sizing,
    pub name_node: Sizing,
    pub data_node: Sizing,
}

/// What one role is given when the user says nothing, and how its heap follows from its memory.
struct Rule {
    resources_field: &'static str,
    heap_field: &'static str,
    cpu: &'static str,
    memory: &'static str,
    /// Default heap in MiB of a memory limit in MiB.
    heap: fn(u64) -> u64,
    /// A heap above this share of the limit invites the kernel to kill the process.
    max_percent: u64,
    /// Below this the process does not start.
    min_mib: u64,
}

const fn half(limit_mib: u64) -> u64 {
    limit_mib / 2
}

/// Cassandra keeps memtables, caches and network buffers outside of the heap, together about as much as the heap, and needs
/// 1 GiB more whatever the heap is.
const fn cassandra_heap(limit_mib: u64) -> u64 {
    limit_mib.saturating_sub(1024) / 2
}

/// Small processes: classes, code and buffers take about as much as the heap, whatever the heap is.
const fn small_hadoop_heap(limit_mib: u64) -> u64 {
    at_most_half(limit_mib, 144)
}

const fn zoo_keeper_heap(limit_mib: u64) -> u64 {
    at_most_half(limit_mib, 96)
}

/// What is left beside so much, and at most half of all.
const fn at_most_half(limit_mib: u64, beside_mib: u64) -> u64 {
    let left = limit_mib.saturating_sub(beside_mib);
    if left < half(limit_mib) {
        left
    } else {
        half(limit_mib)
    }
}

/// The sizing of every engine role; what is wrong goes to `problems`.
pub(super) fn size(spec: &CryptoPipelineSpec, problems: &mut Vec<Problem>) -> Sizings {
    let (kafka, cassandra, hdfs) = (&spec.kafka, &spec.cassandra, &spec.hdfs);
    let engine = Rule {
        resources_field: "",
        heap_field: "",
        cpu: "100m",
        memory: "1Gi",
        heap: half,
        max_percent: 75,
        min_mib: 64,
    };
    let mut role = |resources: &Option<_>, heap: &Option<_>, rule| {
        size_role(resources.as_ref(), heap.as_ref(), &rule, problems)
    };
    Sizings {
        broker: role(
            &kafka.resources,
            &kafka.heap_size,
            Rule {
                resources_field: "kafka.resources",
                heap_field: "kafka.heapSize",
                cpu: "250m",
                ..engine
            },
        ),
        controller: role(
            &kafka.controller_resources,
            &None,
            Rule {
                resources_field: "kafka.controllerResources",
                memory: "512Mi",
                ..engine
            },
        ),
        cassandra: role(
            &cassandra.resources,
            &cassandra.heap_size,
            Rule {
                resources_field: "cassandra.resources",
                heap_field: "cassandra.heapSize",
                cpu: "500m",
                memory: "3Gi",
                heap: cassandra_heap,
                max_percent: 50,
                min_mib: 256,
            },
        ),
        zoo_keeper: role(
            &hdfs.zoo_keeper_resources,
            &None,
            Rule {
                resources_field: "hdfs.zooKeeperResources",
                memory: "512Mi",
                heap: zoo_keeper_heap,
                ..engine
            },
        ),
        journal_node: role(
            &hdfs.journal_node_resources,
            &None,
            Rule {
                resources_field: "hdfs.journalNodeResources",
                memory: "512Mi",
                heap: small_hadoop_heap,
                ..engine
            },
        ),
        failover_controller: role(
            &hdfs.failover_controller_resources,
            &None,
            Rule {
                resources_field: "hdfs.failoverControllerResources",
                cpu: "50m",
                memory: "256Mi",
                heap: small_hadoop_heap,
                ..engine
            },
        ),
        name_node: role(
            &hdfs.name_node_resources,
            &None,
            Rule {
                resources_field: "hdfs.nameNodeResources",
                cpu: "250m",
                ..engine
            },
        ),
        data_node: role(
            &hdfs.resources,
            &hdfs.heap_size,
            Rule {
                resources_field: "hdfs.resources",
                heap_field: "hdfs.heapSize",
                ..engine
            },
        ),
    }
}

fn size_role(
    resources: Option<&ResourceRequirements>,
    heap: Option<&Quantity>,
    rule: &Rule,
    problems: &mut Vec<Problem>,
) -> Sizing {
    let resources = resources
        .cloned()
        .unwrap_or_else(|| requirements(rule.cpu, rule.memory, rule.memory));
    let mut mib = |field: String, quantity: &Quantity| {
        quantity::bytes(quantity)
            .map(|bytes| bytes / MIB)
            .map_err(|error| {
                problems.push(Problem::NotASize {
                    field,
                    reason: error.to_string(),
                });
            })
            .ok()
    };
    let field = |part: &str| format!("{}.{part}.memory", rule.resources_field);
    let entry =
        |of: &Option<BTreeMap<String, Quantity>>| of.as_ref().and_then(|of| of.get("memory")).cloned();
    let request = entry(&resources.requests).and_then(|quantity| mib(field("requests"), &quantity));
    let limit = entry(&resources.limits).and_then(|quantity| mib(field("limits"), &quantity));
    let explicit = heap.and_then(|quantity| mib(rule.heap_field.to_owned(), quantity));
    let default = quantity::bytes(&Quantity(rule.memory.to_owned())).unwrap_or_default() / MIB;
    let memory = limit.or(request).unwrap_or(default);
    let heap_mib = explicit.unwrap_or_else(|| (rule.heap)(memory));

    if limit.zip(request).is_some_and(|(limit, request)| request > limit) {
        problems.push(Problem::RequestExceedsLimit {
            field: rule.resources_field.to_owned(),
        });
    }
    if heap_mib * 100 > memory * rule.max_percent {
        problems.push(Problem::HeapExceedsMemory {
            field: rule.heap_field.to_owned(),
            heap_mib,
            limit_mib: memory,
            percent: rule.max_percent,
        });
    } else if heap_mib < rule.min_mib {
        problems.push(Problem::HeapTooSmall {
            field: rule.resources_field.to_owned(),
            heap_mib,
            min_mib: rule.min_mib,
        });
    }
    Sizing { resources, heap_mib }
}

/// So much CPU and memory asked for, and at most so much memory. No CPU limit: throttling delays heartbeats.
pub fn requirements(cpu: &str, memory: &str, memory_limit: &str) -> ResourceRequirements {
    let entry = |key: &str, value: &str| (key.to_owned(), Quantity(value.to_owned()));
    ResourceRequirements {
        requests: Some([entry("cpu", cpu), entry("memory", memory)].into()),
        limits: Some([entry("memory", memory_limit)].into()),
        ..ResourceRequirements::default()
    }
}
