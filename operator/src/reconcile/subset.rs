//! Whether a live object already is what is wanted, so that nothing is written to it. Pure.
//!
//! The API server fills in defaults and other controllers add fields, so the wanted object must only be contained in
//! the live one. A field that was wanted before and is no longer cannot be seen that way; therefore the wanted object
//! carries its own fingerprint, and a changed fingerprint is a difference like any other.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Annotation that holds the fingerprint.
pub fn annotation() -> String {
    crds::names::qualified("applied-hash")
}

/// Adds the fingerprint of everything else to the object's annotations.
pub fn fingerprint(object: &mut Value) {
    let digest = Sha256::digest(object.to_string().as_bytes());
    let hex = format!(
        "{:016x}",
        u64::from_be_bytes(std::array::from_fn(|byte| digest[byte]))
    );
    if let Some(metadata) = child(object, "metadata")
        && let Some(annotations) = child_of(metadata, "annotations")
    {
        annotations.insert(annotation(), json!(hex));
    }
}

fn child<'a>(object: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    child_of(object.as_object_mut()?, key)
}

fn child_of<'a>(object: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    object.entry(key).or_insert_with(|| json!({})).as_object_mut()
}

/// Whether every field of `wanted` stands in `live` with the same meaning.
pub fn contains(live: &Value, wanted: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted
            .iter()
            .all(|(key, value)| contains(live.get(key).unwrap_or(&Value::Null), value)),
        (Value::Array(wanted), Value::Array(live)) if named(wanted) => wanted.iter().all(|item| {
            live.iter()
                .any(|other| other["name"] == item["name"] && contains(other, item))
        }),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len() && wanted.iter().zip(live).all(|(w, l)| contains(l, w))
        }
        // The API server drops fields that have their type's zero value.
        (wanted, Value::Null) => is_empty(wanted),
        (Value::String(wanted), Value::String(live)) => wanted == live || same_quantity(wanted, live),
        (Value::Number(wanted), Value::Number(live)) => wanted.as_f64() == live.as_f64(),
        // A quantity may be written as a number.
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            same_quantity(&number.to_string(), text)
        }
        (wanted, live) => wanted == live,
    }
}

/// Lists of containers, variables, volumes and ports are keyed by name; others may stand between ours.
fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(holds) => !holds,
        Value::Number(number) => number.as_f64() == Some(0.0),
    }
}

/// `1000m` and `1`, `0.5Gi` and `512Mi`: the API server rewrites quantities.
pub fn same_quantity(left: &str, right: &str) -> bool {
    matches!((nanos(left), nanos(right)), (Some(a), Some(b)) if a == b)
}

/// A quantity in units of 10⁻⁹.
fn nanos(text: &str) -> Option<i128> {
    const SCALES: [(&str, i128); 15] = [
        ("n", 1),
        ("u", 1_000),
        ("m", 1_000_000),
        ("", 1_000_000_000),
        ("k", 1_000_000_000_000),
        ("M", 1_000_000_000_000_000),
        ("G", 1_000_000_000_000_000_000),
        ("T", 1_000_000_000_000_000_000_000),
        ("P", 1_000_000_000_000_000_000_000_000),
        ("Ki", 1_000_000_000 << 10),
        ("Mi", 1_000_000_000 << 20),
        ("Gi", 1_000_000_000 << 30),
        ("Ti", 1_000_000_000 << 40),
        ("Pi", 1_000_000_000 << 50),
        ("Ei", 1_000_000_000 << 60),
    ];
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let scale = SCALES.iter().find(|(s, _)| *s == suffix)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() > 15 || fraction.len() > 6 {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    digits.checked_mul(scale).map(|product| product / divisor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::defaults_are_added(json!({"a": 1}), json!({"a": 1, "b": 2}), true)]
    #[case::drift(json!({"a": 1}), json!({"a": 2}), false)]
    #[case::missing(json!({"a": {"b": 1}}), json!({"a": {}}), false)]
    #[case::zero_values_vanish(json!({"a": {}, "b": [], "c": null, "d": "", "e": false, "f": 0}), json!({}), true)]
    #[case::cpu(json!({"cpu": "1000m"}), json!({"cpu": "1"}), true)]
    #[case::memory(json!({"memory": "1.5Gi"}), json!({"memory": "1536Mi"}), true)]
    #[case::other_memory(json!({"memory": "1Gi"}), json!({"memory": "1G"}), false)]
    #[case::lists_by_name(json!([{"name": "a", "image": "x"}]), json!([{"name": "sidecar"}, {"name": "a", "image": "x"}]), true)]
    #[case::named_item_differs(json!([{"name": "a", "image": "x"}]), json!([{"name": "a", "image": "y"}]), false)]
    #[case::other_lists_by_position(json!(["a", "b"]), json!(["b", "a"]), false)]
    #[case::longer_list(json!(["a"]), json!(["a", "b"]), false)]
    fn containment(#[case] wanted: Value, #[case] live: Value, #[case] expected: bool) {
        assert_eq!(contains(&live, &wanted), expected);
    }

    #[test]
    fn a_field_no_longer_wanted_changes_the_fingerprint() {
        let print = |mut object: Value| {
            fingerprint(&mut object);
            object["metadata"]["annotations"][annotation()].clone()
        };
        let before = print(json!({"metadata": {"name": "x"}, "data": {"a": "1", "b": "2"}}));
        let after = print(json!({"metadata": {"name": "x"}, "data": {"a": "1"}}));
        assert_ne!(before, after);
        assert!(before.is_string());
    }
}
