//! Which cases a run takes: by level, by part of the night, by words. Pure.

use std::{cmp::Reverse, str::FromStr};

use clap::Parser;

use super::{Level, Listed};

/// The command line of the end-to-end tests.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "e2e",
    about = "End-to-end tests on a kind cluster, one after the other"
)]
pub struct Selection {
    /// The highest level to run; those before it run too.
    #[arg(long, value_enum, default_value = "nightly")]
    pub level: Level,
    /// One of N parts that take about as long as each other, as K/N.
    #[arg(long)]
    pub part: Option<Part>,
    /// Leave out what has passed for this commit already.
    #[arg(long)]
    pub resume: bool,
    /// Stop at a failure and leave everything as it is.
    #[arg(long)]
    pub fail_fast: bool,
    /// Print what would run, and run nothing.
    #[arg(long)]
    pub list: bool,
    /// Words that the names of cases contain; none means every case.
    pub words: Vec<String>,
}

/// A part of all cases: the first number of 1 to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    number: usize,
    of: usize,
}

/// A part that is not written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a part is written as K/N with K from 1 to N, for example 2/6")]
pub struct NoPart;

impl FromStr for Part {
    type Err = NoPart;

    fn from_str(text: &str) -> Result<Self, NoPart> {
        let (number, of) = text.split_once('/').ok_or(NoPart)?;
        let (number, of) = (
            number.parse().map_err(|_| NoPart)?,
            of.parse().map_err(|_| NoPart)?,
        );
        (1..=of)
            .contains(&number)
            .then_some(Self { number, of })
            .ok_or(NoPart)
    }
}

impl Selection {
    /// The cases to run, in the order of the list.
    pub fn choose(&self, all: &[Listed]) -> Vec<Listed> {
        let by_level: Vec<_> = all
            .iter()
            .copied()
            .filter(|case| case.level <= self.level)
            .collect();
        let of_part = self
            .part
            .map_or_else(|| by_level.clone(), |part| part.of(&by_level));
        let named = |case: &Listed| {
            self.words.is_empty() || self.words.iter().any(|word| case.name.contains(word.as_str()))
        };
        of_part.into_iter().filter(named).collect()
    }
}

impl Part {
    /// The longest case first, each to the part that has the least to do so far; in a part the list's order holds.
    fn of(self, all: &[Listed]) -> Vec<Listed> {
        let mut longest_first: Vec<_> = all.iter().enumerate().collect();
        longest_first.sort_by_key(|(_, case)| Reverse(case.seconds));
        let mut parts = vec![(0, vec![]); self.of];
        for (place, case) in longest_first {
            if let Some((seconds, places)) = parts.iter_mut().min_by_key(|(seconds, _)| *seconds) {
                *seconds += case.seconds;
                places.push(place);
            }
        }
        let (_, mut places) = parts.swap_remove(self.number - 1);
        places.sort_unstable();
        places
            .into_iter()
            .filter_map(|place| all.get(place).copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn case(name: &'static str, level: Level, seconds: u64) -> Listed {
        Listed { name, level, seconds }
    }

    const ALL: [Listed; 5] = [
        case("plain::first", Level::Smoke, 10),
        case("storm::long", Level::Nightly, 100),
        case("kills::one", Level::Gate, 40),
        case("storm::short", Level::Nightly, 60),
        case("life::change", Level::Gate, 30),
    ];

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let selection = Selection::parse_from([&["e2e"], arguments].concat());
        selection.choose(&ALL).iter().map(|case| case.name).collect()
    }

    #[test]
    fn a_level_takes_in_those_before_it() {
        assert_eq!(names(&["--level", "smoke"]), ["plain::first"]);
        assert_eq!(
            names(&["--level", "gate"]),
            ["plain::first", "kills::one", "life::change"]
        );
        assert_eq!(names(&[]).len(), ALL.len());
    }

    #[test]
    fn words_choose_by_name() {
        assert_eq!(
            names(&["storm", "plain"]),
            ["plain::first", "storm::long", "storm::short"]
        );
        assert_eq!(names(&["--level", "gate", "storm"]), [""; 0]);
    }

    #[test]
    fn each_case_is_in_one_part_and_parts_take_about_as_long_as_each_other() {
        assert_eq!(names(&["--part", "1/2"]), ["storm::long", "life::change"]);
        assert_eq!(
            names(&["--part", "2/2"]),
            ["plain::first", "kills::one", "storm::short"]
        );
        let mut seen: Vec<_> = ["1/3", "2/3", "3/3"]
            .iter()
            .flat_map(|part| names(&["--part", part]))
            .collect();
        seen.sort_unstable();
        let mut all = ALL.map(|case| case.name);
        all.sort_unstable();
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["0/6", "7/6", "2", "a/b", "1/0", ""] {
            assert_eq!(text.parse::<Part>(), Err(NoPart), "{text}");
        }
    }
}
