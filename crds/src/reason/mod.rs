//! Every reason that a condition, an event or a metric of the operator can carry, with what it means and what to do. The table in
//! docs/operations.md is made from it.
//!
//! Reasons are part of the API: alerts and scripts compare them, so a name stays once it was released.

use std::fmt;

/// What a condition says when it carries a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Says {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// Nobody knows.
    Unknown,
    /// The condition does not hold, because the spec is refused (phase `Invalid`).
    Invalid,
    /// No condition: an event, or a failed reconciliation in the log and in `cryptopipeline_reconcile_errors_total`.
    Event,
}

/// Makes the enum from one row a reason: name, what it says of which conditions, meaning, remedy.
macro_rules! reasons {
    ($($name:ident: $says:ident $conditions:expr, $meaning:literal, $remedy:literal;)+) => {
        /// Why a condition is as it is, or an event was told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it stands in a condition, `CamelCase`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What a condition that carries it says.
            pub const fn says(self) -> Says {
                match self {
                    $(Self::$name => Says::$says,)+
                }
            }

            /// The types of the conditions that carry it; none for an event's.
            pub const fn conditions(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => $conditions,)+
                }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)+
                }
            }
        }
    };
}

mod list;

pub use list::Reason;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A status' conditions hold text, and so do the expectations of tests.
impl PartialEq<&str> for Reason {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// The table of docs/operations.md, in Markdown.
pub fn write_table() -> String {
    let head = "| Condition | Reason | What it means | What to do |\n|---|---|---|---|\n".to_owned();
    Reason::ALL.iter().fold(head, |table, reason| {
        let (meaning, remedy) = (reason.meaning(), reason.remedy());
        format!(
            "{table}| {} | `{reason}` | {meaning} | {remedy} |\n",
            reason.describe_condition()
        )
    })
}

impl Reason {
    /// Which conditions carry it, and what they then say, where that is not False.
    fn describe_condition(self) -> String {
        let types: Vec<_> = self
            .conditions()
            .iter()
            .map(|type_| format!("`{type_}`"))
            .collect();
        let types = types.join(", ");
        match self.says() {
            Says::True => format!("{types}: True"),
            Says::False => types,
            Says::Unknown => format!("{types}: Unknown"),
            Says::Invalid => format!("{types}, phase `Invalid`"),
            Says::Event => "event".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_meaning_and_a_remedy() {
        for reason in Reason::ALL {
            assert!(
                !reason.meaning().is_empty() && !reason.remedy().is_empty(),
                "{reason}"
            );
            assert_eq!(
                reason.conditions().is_empty(),
                reason.says() == Says::Event,
                "{reason}"
            );
        }
    }

    #[test]
    fn the_table_has_a_row_for_each_reason() {
        let table = write_table();
        for reason in Reason::ALL {
            assert_eq!(table.matches(&format!("| `{reason}` |")).count(), 1, "{reason}");
        }
    }
}
