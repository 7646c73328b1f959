//! Durations as people write them in a manifest: `500ms`, `30s`, `5m`, `12h`, `7d`. Pure.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A whole number followed by one unit: `ms`, `s`, `m`, `h` or `d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(String, Duration);

/// Why a text is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a duration: write a whole number and one of ms, s, m, h, d, for example 5m or 7d")]
pub struct InvalidDuration(String);

impl HumanDuration {
    /// The length of time.
    pub fn get(&self) -> Duration {
        self.1
    }

    /// Whole milliseconds, saturating.
    pub fn as_millis(&self) -> u64 {
        u64::try_from(self.1.as_millis()).unwrap_or(u64::MAX)
    }
}

/// So many days, written `7d`.
pub(crate) fn days(count: u64) -> HumanDuration {
    HumanDuration(format!("{count}d"), Duration::from_secs(count * 86_400))
}

/// So many minutes, written `5m`.
pub(crate) fn minutes(count: u64) -> HumanDuration {
    HumanDuration(format!("{count}m"), Duration::from_secs(count * 60))
}

/// So many hours, written `1h`.
pub(crate) fn hours(count: u64) -> HumanDuration {
    HumanDuration(format!("{count}h"), Duration::from_secs(count * 3_600))
}

impl FromStr for HumanDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDuration(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, unit) = text.split_at(digits);
        let millis_per_unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(invalid()),
        };
        let millis = number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(millis_per_unit))
            .ok_or_else(invalid)?;
        Ok(Self(text.to_owned(), Duration::from_millis(millis)))
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = InvalidDuration;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "HumanDuration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 14,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[1-9][0-9]{0,11}(ms|s|m|h|d)$')",
                "message": "must be a whole number above 0 and one of ms, s, m, h, d; write it as in 5m or 7d",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("250ms", 250)]
    #[case("30s", 30_000)]
    #[case("5m", 300_000)]
    #[case("12h", 43_200_000)]
    #[case("7d", 604_800_000)]
    fn each_unit_is_read(#[case] text: &str, #[case] millis: u64) {
        assert_eq!(text.parse::<HumanDuration>().unwrap().as_millis(), millis);
    }

    #[rstest::rstest]
    #[case("")]
    #[case("5")]
    #[case("m")]
    #[case("5 m")]
    #[case("-5m")]
    #[case("5w")]
    #[case("99999999999999999999d")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(
            text.parse::<HumanDuration>(),
            Err(InvalidDuration(text.to_owned()))
        );
    }
}
