//! How fast a replay runs, as people write it: `max`, `1`, `100`, `0.5`. Pure.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A factor of time, or no pause at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplaySpeed {
    text: String,
    /// `None`: no pause.
    thousandths: Option<u32>,
}

/// Why a text is not a speed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a speed: write max, or a number above 0 of at most 6 digits and 3 decimals, for example 100 or 0.5"
)]
pub struct InvalidSpeed(String);

impl ReplaySpeed {
    /// How many times as fast as the trades happened, in thousandths, above 0; `None` for no pause at all.
    pub const fn thousandths(&self) -> Option<u32> {
        self.thousandths
    }
}

impl Default for ReplaySpeed {
    fn default() -> Self {
        Self {
            text: "max".to_owned(),
            thousandths: None,
        }
    }
}

impl FromStr for ReplaySpeed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::default());
        }
        let invalid = || InvalidSpeed(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str, most| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 6) || !digits(decimals, 3) {
            return Err(invalid());
        }
        let thousandths = format!("{whole}{decimals:0<3}").parse().map_err(|_| invalid())?;
        if thousandths == 0 {
            return Err(invalid());
        }
        Ok(Self {
            text: text.to_owned(),
            thousandths: Some(thousandths),
        })
    }
}

impl TryFrom<String> for ReplaySpeed {
    type Error = InvalidSpeed;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ReplaySpeed> for String {
    fn from(speed: ReplaySpeed) -> Self {
        speed.text
    }
}

impl fmt::Display for ReplaySpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_exactly_and_nothing_else_is_a_speed() {
        let thousandths = |text: &str| text.parse::<ReplaySpeed>().map(|speed| speed.thousandths());
        assert_eq!(thousandths("max"), Ok(None));
        for (text, expected) in [("1", 1_000), ("100", 100_000), ("0.5", 500), ("2.125", 2_125)] {
            assert_eq!(thousandths(text), Ok(Some(expected)), "{text}");
        }
        for text in [
            "", "0", "0.000", "-1", "1e3", ".5", "1.", "1.2345", "1234567", "fast",
        ] {
            assert!(thousandths(text).is_err(), "{text}");
        }
        assert_eq!(String::from("0.50".parse::<ReplaySpeed>().unwrap()), "0.50");
    }
}
