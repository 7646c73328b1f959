//! Cassandra's `cassandra.yaml`.
//!
//! One file serves all nodes: the start script puts the pod's address and the seeds in place of `@POD_IP@` and `@SEEDS@`.
//! The choices are those of `cassandra_latest.yaml` of 5.0, the file for clusters that are new: tries in memory and on disk,
//! unified compaction, storage-attached indexes, and no compatibility with formats of 4.x.
//!
//! Unlike that file, `check_data_resurrection` is left off. It keeps a node from starting that was away for longer than
//! `gc_grace_seconds`, ten days, of any table, those of `system_distributed` included: a deletion that it missed could be
//! forgotten by the others, and its old row would come back. Nothing is deleted here. The hot lane inserts and never
//! writes null, and rows go by their time to live, which each copy of a cell carries with it.

use crds::names::Role;

use crate::{build::rack, reconcile::validate::ValidatedPipeline};

/// The file.
pub fn render(pipeline: &ValidatedPipeline) -> String {
    format!(
        r#"cluster_name: "{cluster}"
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
storage_compatibility_mode: NONE
endpoint_snitch: GossipingPropertyFileSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "@SEEDS@"
        resolve_multiple_ip_addresses_per_dns_record: "true"
listen_address: "@POD_IP@"
broadcast_rpc_address: "@POD_IP@"
rpc_address: 0.0.0.0
internode_compression: dc
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
data_file_directories: [/data/cassandra/data]
commitlog_directory: /data/cassandra/commitlog
hints_directory: /data/cassandra/hints
saved_caches_directory: /data/cassandra/saved_caches
cdc_raw_directory: /data/cassandra/cdc
commitlog_sync: periodic
commitlog_sync_period: 10000ms
disk_failure_policy: die
commit_failure_policy: die
trickle_fsync: true
key_cache_size: 0MiB
memtable:
  configurations:
    skiplist:
      class_name: SkipListMemtable
    trie:
      class_name: TrieMemtable
    default:
      inherits: trie
memtable_allocation_type: offheap_objects
sstable:
  selected_format: bti
uuid_sstable_identifiers_enabled: true
stream_entire_sstables: true
default_compaction:
  class_name: UnifiedCompactionStrategy
  parameters:
    scaling_parameters: T4
default_secondary_index: sai
default_secondary_index_enabled: true
"#,
        cluster = pipeline.cassandra_cluster_name
    )
}

/// Lines that only a node reads which has not joined yet. Even token allocation is impossible where there are several racks but
/// fewer than copies: Cassandra then refuses the node, hence tokens are random there.
pub fn render_joining(pipeline: &ValidatedPipeline) -> String {
    let copies = pipeline.spec.cassandra.replication_factor();
    let racks = rack::racks(pipeline, Role::Cassandra).len();
    if racks == 1 || usize::try_from(copies).is_ok_and(|copies| racks >= copies) {
        format!("allocate_tokens_for_local_replication_factor: {copies}\n")
    } else {
        String::new()
    }
}
