//! Prints the reference of the custom resource as Markdown on standard output: one section for each object in the schema,
//! with its fields, and the rules that hold between them.

use std::{fmt::Write, io::Write as _, process::ExitCode};

use kube::CustomResourceExt;
use serde_json::Value;

const HEAD: &str = "\
# Reference of the custom resource

Generated from the API types by `make crds`; do not edit.

`cryptopipelines.cryptopipeline.dev`, kind `CryptoPipeline`, version `v1alpha1`, short name `cpl`, namespaced. A field
with a default may be left out; so may every other field that is not marked as required. Rules are checked by the API
server.
";

fn main() -> ExitCode {
    let text = serde_json::to_value(crds::CryptoPipeline::crd())
        .map_err(|error| error.to_string())
        .and_then(|crd| reference(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]));
    match text.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crddoc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())
}

fn reference(root: &Value) -> Result<String, String> {
    let mut text = HEAD.to_owned();
    write_rules(&mut text, root)
        .and_then(|()| write_object(&mut text, "spec", &root["properties"]["spec"]))
        .and_then(|()| write_object(&mut text, "status", &root["properties"]["status"]))
        .map_err(|error| error.to_string())?;
    Ok(text)
}

/// A section for an object, then one for each object inside it.
fn write_object(text: &mut String, path: &str, object: &Value) -> std::fmt::Result {
    writeln!(text, "\n## {path}\n")?;
    if let Some(description) = object["description"].as_str() {
        writeln!(text, "{description}\n")?;
    }
    writeln!(text, "| Field | Type | Default | Meaning |\n|---|---|---|---|")?;
    let required: Vec<_> = object["required"].as_array().into_iter().flatten().collect();
    for (name, field) in properties(object) {
        let default = if required.iter().any(|&required| required == name) {
            "required".to_owned()
        } else {
            default_of(field)
        };
        writeln!(
            text,
            "| `{name}` | {} | {default} | {} |",
            type_of(field),
            cell(field["description"].as_str().unwrap_or_default())
        )?;
    }
    write_rules(text, object)?;
    for (name, field) in properties(object) {
        write_rules_of_field(text, name, field)?;
    }
    for (name, field) in properties(object) {
        let (suffix, inner) = element(field);
        if inner["properties"].is_object() {
            write_object(text, &format!("{path}.{name}{suffix}"), inner)?;
        }
    }
    Ok(())
}

fn properties(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| (name.as_str(), field))
}

/// What a list or map holds, and how its path is written; any other field itself.
fn element(field: &Value) -> (&'static str, &Value) {
    if field["items"].is_object() {
        ("[]", &field["items"])
    } else if field["additionalProperties"].is_object() {
        (".*", &field["additionalProperties"])
    } else {
        ("", field)
    }
}

/// Rules of an object, by which its fields bind each other.
fn write_rules(text: &mut String, object: &Value) -> std::fmt::Result {
    let rules: Vec<_> = messages(object).collect();
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(text, "\nRules:\n")?;
    rules.iter().try_for_each(|rule| writeln!(text, "- {rule}"))
}

/// Rules of a single value. Those of an object stand in its own section.
fn write_rules_of_field(text: &mut String, name: &str, field: &Value) -> std::fmt::Result {
    if field["properties"].is_object() {
        return Ok(());
    }
    messages(field).try_for_each(|rule| writeln!(text, "\n`{name}`: {rule}"))
}

fn messages(node: &Value) -> impl Iterator<Item = &str> {
    let rules = node["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["message"].as_str())
}

fn type_of(field: &Value) -> String {
    let kind = field["type"].as_str().unwrap_or("any");
    let constraint = if let Some(values) = field["enum"].as_array() {
        let values = values
            .iter()
            .filter_map(Value::as_str)
            .map(|value| format!("`{value}`"));
        return values.collect::<Vec<_>>().join(", ");
    } else if let (Some(low), Some(high)) = (field["minimum"].as_f64(), field["maximum"].as_f64()) {
        format!(" {low} to {high}")
    } else {
        String::new()
    };
    match (kind, element(field).0) {
        ("array", _) => format!("list of {}", type_of(&field["items"])),
        ("object", ".*") => format!("map to {}", type_of(&field["additionalProperties"])),
        _ => format!("{kind}{constraint}"),
    }
}

/// Defaults of objects are those of their fields.
fn default_of(field: &Value) -> String {
    match &field["default"] {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
