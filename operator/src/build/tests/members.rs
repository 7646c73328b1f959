//! What the files and scripts of members promise.

use std::{
    io::Write as _,
    process::{Command, Output},
};

use super::fixtures::demo;
use crate::build::{build, metadata::Labels};

/// A file of a ConfigMap of the demo.
fn file(config_map: &str, name: &str) -> String {
    let maps = build(&demo()).config_maps;
    let map = maps
        .into_iter()
        .find(|map| map.metadata.name.as_deref() == Some(config_map));
    let data: Labels = map.unwrap().data.unwrap();
    data[name].clone()
}

#[test]
fn a_cassandra_node_may_start_however_long_it_was_away() {
    let settings: serde_yaml::Value =
        serde_yaml::from_str(&file("market-cassandra", "cassandra.yaml")).unwrap();
    let check = &settings["startup_checks"]["check_data_resurrection"]["enabled"];
    assert_ne!(check, &serde_yaml::Value::Bool(true));
}

/// The topology script with the racks of the demo.
fn topology(hosts: &[&str]) -> Output {
    let mut racks = tempfile::NamedTempFile::new().unwrap();
    racks
        .write_all(file("market-namenode", "racks").as_bytes())
        .unwrap();
    let script = file("market-namenode", "topology.sh");
    let bash = Command::new("bash")
        .args(["-c", &script, "topology.sh"])
        .args(hosts)
        .env("RACKS_FILE", racks.path())
        .output();
    bash.unwrap()
}

fn printed(output: &Output) -> Vec<&str> {
    std::str::from_utf8(&output.stdout).unwrap().lines().collect()
}

#[test]
fn the_rack_of_a_data_node_is_known_by_its_name_alone() {
    let asked = [
        "market-datanode-r0-0.market-datanode.prod.svc.cluster.local",
        "market-datanode-r1-12.x",
        "10.0.0.7",
        "fd00::7",
    ];
    let told = topology(&asked);
    assert!(told.status.success(), "{told:?}");
    assert_eq!(
        printed(&told),
        ["/rack-a", "/rack-b", "/default-rack", "/default-rack"]
    );
}

#[test]
fn a_data_node_of_a_rack_that_is_not_listed_yet_is_refused_instead_of_put_elsewhere() {
    let told = topology(&["market-datanode-r2-0.market-datanode.prod.svc.cluster.local"]);
    assert!(!told.status.success());
    assert_eq!(printed(&told), [""; 0]);
    let settings = file("market-namenode", "core-site.xml") + &file("market-namenode", "hdfs-site.xml");
    for setting in [
        "<name>net.topology.node.switch.mapping.impl</name><value>org.apache.hadoop.net.ScriptBasedMapping$RawScriptBasedMapping<",
        "<name>dfs.namenode.reject-unresolved-dn-topology-mapping</name><value>true<",
    ] {
        assert!(settings.contains(setting), "{setting}");
    }
}
