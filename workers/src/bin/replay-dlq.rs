//! Lists dead letters, and puts corrected ones back into the topic of trades.
//! Exit code 0: done; 1: a record was refused; 2: could not go on, run it again.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use crds::wire::{CONFIG_PATH, KafkaEndpoint};
use serde::{Deserialize, Serialize};
use workers::{
    config,
    dead_letters::{self, Outcome, Place, Selection, Source},
    telemetry,
};

/// Lists the records that could not be read, and puts corrected ones back.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file of any worker.
    #[arg(long, global = true, default_value = CONFIG_PATH)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints the letters that were not put back yet, one JSON object a line.
    List {
        #[command(flatten)]
        select: Select,
    },
    /// Puts records back, and prints what became of each, one JSON object a line.
    Put {
        #[command(flatten)]
        select: Select,
        /// Puts letters of one `--reason` back as they came, where they can be read now.
        #[arg(long, requires = "reason", conflicts_with = "file")]
        as_is: bool,
        /// Says what would be done, and sends nothing.
        #[arg(long)]
        dry_run: bool,
        /// Lines of `list` with a corrected `value`; of other fields only `place` is read. `-` is the standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

#[derive(Args)]
struct Select {
    /// Only letters with this reason, such as `NotJson`.
    #[arg(long)]
    reason: Option<String>,
    /// Only letters of this partition of the topic of trades.
    #[arg(long)]
    partition: Option<i32>,
    /// Only letters from this offset of the topic of trades on.
    #[arg(long)]
    from: Option<i64>,
    /// Only letters up to this offset, itself included.
    #[arg(long)]
    to: Option<i64>,
}

/// What every worker's configuration has.
#[derive(Deserialize)]
struct AnyConfig {
    kafka: KafkaEndpoint,
}

/// A line that `put` reads.
#[derive(Deserialize)]
struct Correction {
    place: Place,
    value: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::init();
    let arguments = Arguments::parse();
    match tokio::task::spawn_blocking(move || run(arguments)).await {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::from(1),
        Ok(Err(error)) => {
            eprintln!("replay-dlq: {error:#}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("replay-dlq: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was refused.
fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let AnyConfig { kafka } = config::load(&arguments.config)?;
    let mut printed = Ok(());
    let mut refused = false;
    match arguments.command {
        Command::List { select } => dead_letters::list(&kafka, &select.selection(), |letter| {
            print(&mut printed, letter);
        })?,
        Command::Put {
            select,
            as_is,
            dry_run,
            file,
        } => {
            let source = if as_is {
                Source::AsTheyAre
            } else {
                Source::Corrected(corrections(&file)?)
            };
            dead_letters::put(&kafka, &select.selection(), source, dry_run, |put| {
                refused |= put.outcome == Outcome::Refused;
                print(&mut printed, put);
            })?;
        }
    }
    printed.context("cannot print")?;
    Ok(!refused)
}

impl Select {
    fn selection(self) -> Selection {
        Selection {
            reason: self.reason,
            partition: self.partition,
            from: self.from,
            to: self.to,
        }
    }
}

fn corrections(file: &PathBuf) -> anyhow::Result<BTreeMap<Place, String>> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let mut corrections = BTreeMap::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let correction: Correction =
            serde_json::from_str(line).with_context(|| format!("line {number}; nothing was sent"))?;
        let place = correction.place;
        if corrections.insert(place, correction.value).is_some() {
            anyhow::bail!("line {number} corrects {place} a second time; nothing was sent");
        }
    }
    Ok(corrections)
}

/// Keeps the first failure: whoever reads may have gone, and what is under way must not stop half-way.
fn print(printed: &mut io::Result<()>, line: &impl Serialize) {
    if printed.is_ok() {
        *printed = serde_json::to_string(line)
            .map_err(io::Error::other)
            .and_then(|line| writeln!(io::stdout(), "{line}"));
    }
}
