//! The CRD is a structural schema, small, and documented throughout.

use kube::CustomResourceExt;
use serde_json::Value;

use crate::crd_schema;

/// Calls `visit` with the path and the node of every schema inside `node`, itself included.
fn walk(path: &str, node: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    for (part, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if node[part].is_object() {
            walk(&format!("{path}{suffix}"), &node[part], visit);
        }
    }
}

#[test]
fn every_node_has_a_type_and_none_is_a_reference() {
    let mut nodes = 0;
    walk("", &crd_schema(), &mut |path, node| {
        nodes += 1;
        let typed = node["type"].is_string() || node["x-kubernetes-int-or-string"] == true;
        assert!(typed, "{path} has no type: the API server refuses that");
        assert!(
            node.get("$ref").is_none(),
            "{path} is a reference: the API server refuses that"
        );
    });
    assert!(nodes > 100, "the walk saw only {nodes} nodes");
}

#[test]
fn every_field_of_the_spec_is_documented() {
    walk("spec", &crd_schema()["properties"]["spec"], &mut |path, node| {
        for (name, property) in node["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{path}.{name}");
        }
    });
}

#[test]
fn the_crd_leaves_room_below_what_etcd_and_kubectl_apply_take() {
    let yaml = serde_yaml::to_string(&crds::CryptoPipeline::crd()).unwrap();
    assert!(yaml.len() < 100_000, "{} bytes", yaml.len());
}
