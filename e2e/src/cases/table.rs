//! The tables at the end of a run: how each case ended and how long it took, beside how long it took last. Rendering is pure.

use std::{fs::OpenOptions, io::Write};

use anyhow::Result;

use super::{Listed, Outcome};

/// One row a case: result, seconds now and last time, level, name.
pub fn render_table<'a>(cases: &[Listed], outcome: impl Fn(&str) -> Option<&'a Outcome>) -> String {
    let rows: Vec<String> = cases
        .iter()
        .map(|case| {
            let (result, now) = outcome(case.name).map_or(("not run", "-".to_owned()), |outcome| {
                (
                    if outcome.passed { "ok" } else { "FAILED" },
                    outcome.seconds.to_string(),
                )
            });
            let (last, level) = (case.seconds, case.level);
            format!("{result:<7} {now:>6} s  {last:>6} s  {level:<7}  {}\n", case.name)
        })
        .collect();
    format!(
        "{:<7} {:>8}  {:>8}  {:<7}  case\n{}",
        "result",
        "now",
        "last",
        "level",
        rows.concat()
    )
}

/// Adds cases to the times that the scripts collect for the table at the end of a command, where they do.
pub fn note_times<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Result<()> {
    let Some(path) = std::env::var_os("CRYPTOPIPELINE_TIMES") else {
        return Ok(());
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for outcome in outcomes {
        writeln!(file, "{}\ttest {}", outcome.seconds, outcome.case)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cases::Level;

    #[test]
    fn a_case_without_a_result_is_in_the_table_too() {
        let case = |name, seconds| Listed {
            name,
            level: Level::Gate,
            seconds,
        };
        let outcome = Outcome {
            case: "kills::one".to_owned(),
            commit: "abc".to_owned(),
            passed: true,
            seconds: 61,
            at: Timestamp::UNIX_EPOCH,
        };
        let text = render_table(&[case("kills::one", 70), case("life::change", 5)], |name| {
            (name == "kills::one").then_some(&outcome)
        });
        let rows: Vec<_> = text.lines().collect();
        assert_eq!(rows[1], "ok          61 s      70 s  gate     kills::one");
        assert_eq!(rows[2], "not run      - s       5 s  gate     life::change");
    }
}
