//! Placements, zones and racks. Pure.

use std::collections::BTreeMap;

use crds::{CryptoPipelineSpec, spec::Placement};

use super::{Facts, Problem};

/// Rack indexes are one digit: names and Kafka's node ids (100 × rack + ordinal) are made from them.
const MAX_RACKS: usize = 9;

/// The placement key of each component.
fn components(spec: &CryptoPipelineSpec) -> [(&'static str, Option<&String>); 5] {
    [
        ("ingest", spec.ingest.placement.as_ref()),
        ("kafka", spec.kafka.placement.as_ref()),
        ("processor", spec.processor.placement.as_ref()),
        ("cassandra", spec.cassandra.placement.as_ref()),
        ("hdfs", spec.hdfs.placement.as_ref()),
    ]
}

/// Checks that each component's site exists and that its racks are what they were.
pub(super) fn check(spec: &CryptoPipelineSpec, facts: &Facts, problems: &mut Vec<Problem>) {
    for (component, key) in components(spec) {
        let placement = key.map(|key| (key, spec.placements.get(key)));
        if let Some((key, None)) = placement {
            problems.push(Problem::UnknownPlacement {
                component,
                placement: key.clone(),
            });
        }
        let asked = placement
            .and_then(|(_, placement)| placement)
            .map(|placement| &placement.zones);
        check_racks(component, asked, &facts.racks, problems);
    }
    for (name, placement) in &spec.placements {
        check_expressions(name, placement, problems);
    }
}

fn check_racks(
    component: &'static str,
    asked: Option<&Vec<String>>,
    racks: &BTreeMap<String, Vec<String>>,
    problems: &mut Vec<Problem>,
) {
    let Some(fixed) = racks.get(component) else { return };
    if fixed.len() > MAX_RACKS {
        problems.push(Problem::TooManyRacks {
            component,
            count: fixed.len(),
            max: MAX_RACKS,
        });
    }
    if let Some(asked) = asked.filter(|asked| !asked.is_empty() && *asked != fixed) {
        problems.push(Problem::ZonesFixed {
            component,
            asked: asked.join(", "),
            fixed: fixed.join(", "),
        });
    }
}

/// The rules of `NodeSelectorRequirement`, which the API server only applies to pods, where nobody would look.
fn check_expressions(name: &str, placement: &Placement, problems: &mut Vec<Problem>) {
    for expression in &placement.node_expressions {
        let values = expression.values.as_deref().unwrap_or_default();
        let needs = match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => "at least one value",
            "Exists" | "DoesNotExist" if !values.is_empty() => "no values",
            "Gt" | "Lt" if !matches!(values, [one] if one.parse::<i64>().is_ok()) => "one whole number",
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => continue,
            _ => "one of the operators In, NotIn, Exists, DoesNotExist, Gt, Lt",
        };
        problems.push(Problem::InvalidNodeExpression {
            placement: name.to_owned(),
            key: expression.key.clone(),
            operator: expression.operator.clone(),
            needs,
        });
    }
}
