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
const REMINDER: Duration = Duration::from_mins(1);

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

/// One line, whatever the message is made of.
fn render(row: &Row) -> String {
    let awaited = row.awaited.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{:<10} {:>6}  {awaited}", row.part, row.progress)
        .trim_end()
        .to_owned()
}

/// What a terminal gets: up over the table before and its line of time, then each line anew. Lines do not wrap meanwhile, or the next
/// table would leave their rests behind.
fn redraw(before: Option<&[Row]>, seconds: u64, rows: &[Row]) -> String {
    let up = before.map_or_else(String::new, |before| format!("\x1b[{}A", before.len() + 1));
    let silent = if rows.is_empty() {
        "  the operator has not spoken yet"
    } else {
        ""
    };
    let lines: Vec<_> = rows
        .iter()
        .map(|row| format!("\x1b[K    {}\n", render(row)))
        .collect();
    let lines = lines.concat();
    format!("\x1b[?7l{up}\x1b[K    {seconds:>4} s{silent}\n{lines}\x1b[J\x1b[?7h")
}

/// The table as it was last shown.
pub struct Shown {
    began: Instant,
    rows: Option<Vec<Row>>,
    told: Instant,
    redraws: bool,
}

impl Default for Shown {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            rows: None,
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
            print!("{}", redraw(self.rows.as_deref(), seconds, &now));
            // A terminal that cannot be written to keeps nobody from waiting.
            drop(stdout().flush());
        } else {
            let news = changes(self.rows.as_deref().unwrap_or_default(), &now);
            let still: Vec<&Row> = now.iter().filter(|row| !row.awaited.is_empty()).collect();
            let due = news.is_empty() && self.told.elapsed() >= REMINDER;
            for row in if due { still } else { news } {
                println!("    {seconds:>4} s  {}", render(row));
                self.told = Instant::now();
            }
        }
        self.rows = Some(now);
    }

    /// Shows how the wait ended, if there was one.
    pub fn end(&mut self, now: Vec<Row>) {
        if self.rows.is_some() {
            self.show(now);
        }
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
    fn a_message_of_many_lines_is_one_line_and_whole() {
        let row = Row {
            part: "kafka".to_owned(),
            progress: "1/3".to_owned(),
            awaited: format!("first\n  second {}", "x".repeat(500)),
        };
        let line = render(&row);
        assert!(line.starts_with("kafka         1/3  first second xxx"), "{line}");
        assert!(line.ends_with("xxx") && line.len() > 500, "{line}");
    }

    /// The lines on a terminal after some tables, one drawn over the other, as a terminal would have them.
    fn on_terminal(tables: &[Vec<Row>]) -> Vec<String> {
        let mut screen: Vec<String> = vec![];
        let mut before: Option<&[Row]> = None;
        for (seconds, rows) in (0..).zip(tables) {
            let text = redraw(before, seconds, rows);
            let text = ["\x1b[?7l", "\x1b[?7h", "\x1b[K", "\x1b[J"]
                .iter()
                .fold(text, |text, code| text.replace(code, ""));
            let up = text.strip_prefix("\x1b[").and_then(|rest| rest.split_once('A'));
            let (up, lines) = up.map_or((0, text.as_str()), |(up, lines)| (up.parse().unwrap(), lines));
            screen.truncate(screen.len() - up);
            screen.extend(lines.lines().map(str::to_owned));
            before = Some(rows);
        }
        screen
    }

    #[test]
    fn a_terminal_has_one_table_however_often_it_was_drawn() {
        let now = rows(&pipeline("2/3", "True"));
        let screen = on_terminal(&[vec![], vec![], rows(&pipeline("1/3", "False")), now]);
        assert_eq!(
            screen,
            [
                "       3 s",
                "    kafka         2/3  waiting for pods",
                "    topics      there",
            ]
        );
        assert_eq!(
            on_terminal(&[vec![], vec![]]),
            ["       1 s  the operator has not spoken yet"]
        );
    }
}
