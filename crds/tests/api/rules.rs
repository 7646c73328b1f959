//! Every CEL rule refuses what it is there for, and lets good manifests through. The table `wrong_manifests.yaml` says
//! what is refused; the e2e suite asks a real API server the same.

use std::{collections::BTreeSet, fs, path::Path};

use crds::CryptoPipeline;
use json_patch::merge;
use kube::core::cel::{
    CompiledSchema, ErrorKind, ValidationError, ValidationErrors, Validator, compile_schema,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    crd_schema,
    wrong_manifests::{Layer, smallest, wrong_manifests},
};

/// The API server, as far as rules go.
struct Api(CompiledSchema);

impl Api {
    fn new() -> Self {
        Self(compile_schema(&crd_schema()))
    }

    fn failures(&self, object: &Value, stored: Option<&Value>) -> Vec<ValidationError> {
        let verdict = Validator::new().validate_compiled(&self.0, object, stored);
        verdict.err().map(ValidationErrors::into_vec).unwrap_or_default()
    }
}

/// Messages of all rules inside a schema.
fn messages(node: &Value, found: &mut BTreeSet<String>) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        found.insert(rule["message"].as_str().unwrap().to_owned());
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|child| messages(child, found)),
        Value::Array(items) => items.iter().for_each(|child| messages(child, found)),
        _ => {}
    }
}

#[test]
fn wrong_manifests_are_refused_with_the_expected_message() {
    let api = Api::new();
    for wrong in wrong_manifests()
        .unwrap()
        .iter()
        .filter(|wrong| wrong.refused_by == Layer::Rule)
    {
        let (stored, object) = wrong.objects();
        if let Some(stored) = &stored {
            assert_eq!(
                api.failures(stored, None),
                [],
                "{}: the stored object is good",
                wrong.name
            );
        }
        let failures = api.failures(&object, stored.as_ref());
        let [failure] = failures.as_slice() else {
            panic!("{}: {failures:?}", wrong.name)
        };
        assert_eq!(failure.kind, ErrorKind::ValidationFailure, "{}", wrong.name);
        assert!(
            failure.message.contains(&wrong.expect),
            "{}: {}",
            wrong.name,
            failure.message
        );
    }
}

#[test]
fn no_rule_goes_untried() {
    let api = Api::new();
    let mut untried = BTreeSet::new();
    messages(&crd_schema(), &mut untried);
    for wrong in wrong_manifests().unwrap() {
        let (stored, object) = wrong.objects();
        for failure in api.failures(&object, stored.as_ref()) {
            untried.remove(&failure.message);
        }
    }
    assert_eq!(untried, BTreeSet::new());
}

#[test]
fn what_another_layer_refuses_passes_the_rules() {
    let api = Api::new();
    for wrong in wrong_manifests()
        .unwrap()
        .iter()
        .filter(|wrong| wrong.refused_by == Layer::Operator)
    {
        let (stored, object) = wrong.objects();
        assert_eq!(api.failures(&object, stored.as_ref()), [], "{}", wrong.name);
    }
}

#[test]
fn good_manifests_pass() {
    let api = Api::new();
    let good = serde_json::json!({
        "placements": {
            "cloud": {"nodeExpressions": [{"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["hybrid"]}]},
            "onPrem": {"nodeLabels": {"site": "on-prem"}, "nodeExpressions": [{"key": "spot", "operator": "DoesNotExist"}], "zones": ["a", "b"]},
        },
        "ingest": {"placement": "cloud", "shards": 2, "endpoints": {"stream": "ws://sim:9080", "rest": "http://sim:9080"}},
        "kafka": {"placement": "cloud", "brokers": 1, "controllers": 0, "topics": {"trades": {"replicationFactor": 1, "minInSyncReplicas": 1}}},
        "cassandra": {"placement": "onPrem", "nodes": 1},
        "hdfs": {"placement": "onPrem", "version": "3.4.2", "nameNodes": 1, "dataNodes": 1},
    });
    let mut object = smallest();
    merge(&mut object["spec"], &good);
    assert_eq!(api.failures(&object, None), []);

    let stored = object.clone();
    let grown = serde_json::json!({
        "kafka": {"brokers": 3, "storage": {"size": "200Gi"}},
        "cassandra": {"nodes": 3},
        "hdfs": {"version": "3.5.0", "nameNodes": 2, "dataNodes": 3, "storage": {"size": "1025Gi"}},
    });
    merge(&mut object["spec"], &grown);
    assert_eq!(api.failures(&object, Some(&stored)), []);
}

#[test]
fn the_examples_pass() {
    let api = Api::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut pipelines = 0;
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).unwrap();
            if object["kind"] != "CryptoPipeline" {
                continue;
            }
            assert_eq!(api.failures(&object, None), [], "{}", object["metadata"]["name"]);
            serde_json::from_value::<CryptoPipeline>(object).unwrap();
            pipelines += 1;
        }
    }
    assert!(pipelines > 0, "no example was tried");
}
