//! How far each part of a pipeline is, as a person watches it: a table that is redrawn on a terminal, and elsewhere a line for each part
//! that changed. Printing is the only thing here that is not pure.

use std::{
    io::{IsTerminal, Write, stdout},
    time::{Duration, Instant},
};

use crds::{CryptoPipeline, status::condition};

use crate::pipeline::current_condition;

/// What lives in the engines, in the order in which it is made.
const MADE: [(&str, &str); 3] = [
    ("topics", condition::TOPICS_READY),
    ("tables", condition::SCHEMA_READY),
    ("folders", condition::ARCHIVE_READY),
];
/// Nothing changed for so long: what is awaited is said again.
const REMINDER: Duration = Duration::from_secs(60);
/// A terminal's line must not wrap, or redrawing would leave its rest behind.
const WIDTH: usize = 100;

/// One part: its name, how far it is, what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    part: String,
    progress: String,
    awaited: String,
}

/// The parts of a pipeline; none before the operator has spoken.
pub fn rows(object: &CryptoPipeline) -> Vec<Row> {
    let Some(status) = &object.status else {
        return vec![];
    };
    let members = status.components.iter().map(|(name, component)| Row {
        part: name.clone(),
        progress: component.summary.clone(),
        awaited: component.message.clone(),
    });
    let made = MADE.into_iter().filter_map(|(part, type_)| {
        let condition = current_condition(object, type_)?;
        let there = condition.status == "True";
        Some(Row {
            part: part.to_owned(),
            progress: if there { "there" } else { "-" }.to_owned(),
            awaited: if there {
                String::new()
            } else {
                condition.message.clone()
            },
        })
    });
    members.chain(made).collect()
}

/// The rows that are not as they were.
fn changes<'a>(before: &[Row], now: &'a [Row]) -> Vec<&'a Row> {
    now.iter().filter(|row| !before.contains(row)).collect()
}

fn render(row: &Row) -> String {
    let line = format!("{:<10} {:>6}  {}", row.part, row.progress, row.awaited);
    line.chars().take(WIDTH).collect::<String>().trim_end().to_owned()
}

/// The table as it was last shown.
pub struct Shown {
    began: Instant,
    rows: Vec<Row>,
    told: Instant,
    redraws: bool,
}

impl Default for Shown {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            rows: vec![],
            told: now,
            redraws: stdout().is_terminal(),
        }
    }
}

impl Shown {
    /// Shows what is new.
    pub fn show(&mut self, now: Vec<Row>) {
        let seconds = self.began.elapsed().as_secs();
        if self.redraws {
            // Up to the first line of the table, and each line anew.
            let up = if self.rows.is_empty() {
                String::new()
            } else {
                format!("\x1b[{}A", self.rows.len() + 1)
            };
            let lines: String = now
                .iter()
                .map(|row| format!("\x1b[K    {}\n", render(row)))
                .collect();
            print!("{up}\x1b[K    {seconds:>4} s\n{lines}\x1b[J");
            // A terminal that cannot be written to keeps nobody from waiting.
            drop(stdout().flush());
        } else {
            let news = changes(&self.rows, &now);
            let still: Vec<&Row> = now.iter().filter(|row| !row.awaited.is_empty()).collect();
            let due = news.is_empty() && self.told.elapsed() >= REMINDER;
            for row in if due { still } else { news } {
                println!("    {seconds:>4} s  {}", render(row));
                self.told = Instant::now();
            }
        }
        self.rows = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(kafka: &str, topics: &str) -> CryptoPipeline {
        serde_yaml::from_str(&format!(
            "{{apiVersion: cryptopipeline.dev/v1alpha1, kind: CryptoPipeline, metadata: {{name: market, generation: 1}},
              spec: {{ingest: {{symbols: [BTCUSDT]}}}},
              status: {{components: {{kafka: {{ready: 1, desired: 3, summary: {kafka}, message: waiting for pods}}}},
                       conditions: [{{type: TopicsReady, status: '{topics}', reason: R, message: topics follow,
                                      observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z'}}]}}}}"
        ))
        .unwrap()
    }

    #[test]
    fn only_a_part_that_changed_is_told_again() {
        let before = rows(&pipeline("1/3", "False"));
        let lines: Vec<_> = before.iter().map(render).collect();
        assert_eq!(
            lines,
            [
                "kafka         1/3  waiting for pods",
                "topics          -  topics follow"
            ]
        );
        assert!(changes(&before, &before).is_empty());
        let now = rows(&pipeline("2/3", "False"));
        let told: Vec<_> = changes(&before, &now).into_iter().map(render).collect();
        assert_eq!(told, ["kafka         2/3  waiting for pods"]);
        let there = rows(&pipeline("2/3", "True"));
        assert_eq!(render(changes(&now, &there)[0]), "topics      there");
    }

    #[test]
    fn nothing_is_shown_before_the_operator_has_spoken() {
        let mut silent = pipeline("1/3", "False");
        silent.status = None;
        assert_eq!(rows(&silent), []);
    }

    #[test]
    fn a_line_never_wraps() {
        let row = Row {
            part: "kafka".to_owned(),
            progress: "1/3".to_owned(),
            awaited: "x".repeat(500),
        };
        assert_eq!(render(&row).chars().count(), WIDTH);
    }
}
