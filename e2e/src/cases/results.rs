//! How cases ended, kept in a file per commit, so that a night that was stopped goes on where it was. Touches that file and asks git.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Module and function.
    pub case: String,
    /// The commit that was tested, `-dirty` where files had changed since.
    pub commit: String,
    /// Nothing failed.
    pub passed: bool,
    /// How long it took, seconds, its testbed included where it had to make one.
    pub seconds: u64,
    /// When it ended.
    pub at: Timestamp,
}

/// The results of one commit.
#[derive(Debug)]
pub struct Results {
    /// The commit that is tested.
    pub commit: String,
    file: PathBuf,
    newest: BTreeMap<String, Outcome>,
}

impl Results {
    /// Reads what is known of the commit that is checked out.
    pub fn open() -> Result<Self> {
        let cache = std::env::var("CRYPTOPIPELINE_CACHE").context(
            "CRYPTOPIPELINE_CACHE is not set: run e2e/run.sh, or `source e2e/cluster/env.sh` first",
        )?;
        Self::at(PathBuf::from(cache).join("results"), commit()?)
    }

    fn at(folder: PathBuf, commit: String) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{commit}.jsonl"));
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other?,
        };
        // A session that ends while it writes leaves half a line.
        let known = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Outcome>(line).ok());
        Ok(Self {
            newest: known.map(|outcome| (outcome.case.clone(), outcome)).collect(),
            commit,
            file,
        })
    }

    /// How a case ended last.
    pub fn of(&self, case: &str) -> Option<&Outcome> {
        self.newest.get(case)
    }

    /// Notes how a case ended.
    pub fn record(&mut self, case: &str, passed: bool, seconds: u64) -> Result<()> {
        let outcome = Outcome {
            case: case.to_owned(),
            commit: self.commit.clone(),
            passed,
            seconds,
            at: Timestamp::now(),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        writeln!(file, "{}", serde_json::to_string(&outcome)?)?;
        self.newest.insert(case.to_owned(), outcome);
        Ok(())
    }
}

fn commit() -> Result<String> {
    let id = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["status", "--porcelain"])?;
    let mark = if changes.is_empty() { "" } else { "-dirty" };
    Ok(format!("{id}{mark}"))
}

fn git(arguments: &[&str]) -> Result<String> {
    let answer = Command::new("git")
        .args(arguments)
        .output()
        .context("git, which names the commit that is tested")?;
    ensure!(
        answer.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&answer.stderr)
    );
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_result_of_a_commit_is_found_again_and_half_a_line_harms_nothing() {
        let folder = std::env::temp_dir().join(format!("cryptopipeline-results-{}", std::process::id()));
        let open = |commit: &str| Results::at(folder.clone(), commit.to_owned()).unwrap();
        let mut results = open("abc");
        results.record("plain::first", false, 9).unwrap();
        results.record("plain::first", true, 12).unwrap();
        fs::write(
            folder.join("abc.jsonl"),
            fs::read_to_string(folder.join("abc.jsonl")).unwrap() + "{\"case\": \"pl",
        )
        .unwrap();
        let again = open("abc");
        assert_eq!(
            again
                .of("plain::first")
                .map(|outcome| (outcome.passed, outcome.seconds)),
            Some((true, 12))
        );
        assert_eq!(open("other").of("plain::first"), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
