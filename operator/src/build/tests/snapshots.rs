//! Every object of four manifests, as YAML. Scripts are files of their own and only named here.

use serde_json::Value;

use super::fixtures::{demo, objects, pipeline};
use crate::{build::build, reconcile::validate::ValidatedPipeline};

fn rendered(pipeline: &ValidatedPipeline) -> String {
    let mut objects = objects(pipeline, &build(pipeline));
    for object in &mut objects {
        let data = object.get_mut("data").and_then(Value::as_object_mut);
        for (_, content) in data.into_iter().flatten() {
            if content.as_str().is_some_and(|content| content.starts_with("#!")) {
                *content = Value::String("a script".to_owned());
            }
        }
    }
    let documents: Vec<_> = objects
        .iter()
        .map(|object| serde_yaml::to_string(object).unwrap())
        .collect();
    documents.join("---\n")
}

#[test]
fn minimal() {
    insta::assert_snapshot!(rendered(&pipeline("minimal", &[])));
}

#[test]
fn development() {
    insta::assert_snapshot!(rendered(&pipeline("development", &[])));
}

#[test]
fn demo_of_two_sites() {
    insta::assert_snapshot!(rendered(&demo()));
}

#[test]
fn hybrid() {
    const CLOUD: &[&str] = &["eu-central-1a", "eu-central-1b", "eu-central-1c"];
    const ON_PREM: &[&str] = &["rack-1", "rack-2", "rack-3"];
    insta::assert_snapshot!(rendered(&pipeline(
        "hybrid",
        &[("kafka", CLOUD), ("cassandra", ON_PREM), ("hdfs", ON_PREM)]
    )));
}
