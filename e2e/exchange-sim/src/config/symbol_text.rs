//! The one-line form of a symbol on the command line.

use std::str::FromStr;

use super::{Speed, Start, SymbolSpec};

/// A symbol description that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SymbolSpecError {
    /// A part is not of the form `key=value`, or its key is none of the known ones.
    #[error(
        "`{0}` is not one of id-base=ID, repeat=TIMES, speed=FACTOR, start=subscription|now|command, start-at=TRADES"
    )]
    UnknownSetting(String),
    /// The value of a known key does not fit it.
    #[error("{key}={value}: {problem}")]
    BadValue {
        /// The setting.
        key: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl SymbolSpecError {
    /// A stable CamelCase name of the error.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownSetting(_) => "UnknownSymbolSetting",
            Self::BadValue { .. } => "BadSymbolSetting",
        }
    }
}

/// Reads `NAME[:key=value]…`, for instance `ETHUSDT:id-base=1000000:repeat=10:speed=0:start=now:start-at=500`.
impl FromStr for SymbolSpec {
    type Err = SymbolSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let mut spec = Self::new(parts.next().unwrap_or_default());
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| SymbolSpecError::UnknownSetting(part.to_owned()))?;
            match key {
                "id-base" => spec.id_base = Some(parse(key, value)?),
                "repeat" => spec.repeat = parse(key, value)?,
                "start-at" => spec.start_at = parse(key, value)?,
                "speed" => {
                    spec.speed = Speed::try_from(parse::<f64>(key, value)?)
                        .map_err(|problem| bad(key, value, problem))?;
                }
                "start" => {
                    spec.start = match value {
                        "subscription" => Start::Subscription,
                        "now" => Start::Now,
                        "command" => Start::Command,
                        _ => return Err(bad(key, value, "use subscription, now or command")),
                    };
                }
                _ => return Err(SymbolSpecError::UnknownSetting(part.to_owned())),
            }
        }
        Ok(spec)
    }
}

fn parse<T: FromStr<Err: ToString>>(key: &str, value: &str) -> Result<T, SymbolSpecError> {
    value
        .parse::<T>()
        .map_err(|error| bad(key, value, error.to_string()))
}

fn bad(key: &str, value: &str, problem: impl Into<String>) -> SymbolSpecError {
    SymbolSpecError::BadValue {
        key: key.to_owned(),
        value: value.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_description_is_read() {
        let spec: SymbolSpec = "ETHUSDT:id-base=7:repeat=3:speed=0:start=now:start-at=5"
            .parse()
            .unwrap();
        let expected = SymbolSpec::new("ETHUSDT")
            .id_base(7)
            .repeat(3)
            .speed(0.0)
            .start(Start::Now)
            .start_at(5);
        assert_eq!(spec, expected);
    }

    #[test]
    fn a_bare_name_plays_the_recording_once_as_recorded() {
        let spec: SymbolSpec = "BTCUSDT".parse().unwrap();
        assert_eq!(
            (spec.repeat, spec.speed.factor(), spec.start),
            (1, Some(1.0), Start::Subscription)
        );
    }

    #[rstest::rstest]
    #[case("ETHUSDT:pace=3", "UnknownSymbolSetting")]
    #[case("ETHUSDT:repeat", "UnknownSymbolSetting")]
    #[case("ETHUSDT:repeat=x", "BadSymbolSetting")]
    #[case("ETHUSDT:speed=-1", "BadSymbolSetting")]
    #[case("ETHUSDT:speed=NaN", "BadSymbolSetting")]
    #[case("ETHUSDT:start=later", "BadSymbolSetting")]
    fn what_cannot_be_understood_is_refused(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(text.parse::<SymbolSpec>().unwrap_err().reason(), reason);
    }
}
