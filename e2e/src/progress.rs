//! Waiting that can be watched: every wait has a limit, a name, and says what it has seen so far.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// What one look at the awaited thing found.
#[derive(Debug)]
pub enum Look<T> {
    /// It is there.
    Found(T),
    /// Not yet; the text says what is seen instead.
    Waiting(String),
}

impl<T> Look<T> {
    /// Found where the condition holds, else waiting.
    pub fn when(condition: bool, found: T, seen: impl Into<String>) -> Self {
        if condition {
            Self::Found(found)
        } else {
            Self::Waiting(seen.into())
        }
    }
}

/// Pause between two looks.
const PACE: Duration = Duration::from_millis(700);
/// News is told at most this often.
const NEWS: Duration = Duration::from_secs(3);
/// A wait in which nothing changes says so this often.
const REMINDER: Duration = Duration::from_secs(20);

/// Looks until the thing is found or `limit` has passed, and prints what is seen when that changes.
/// A look that fails is a look that saw an error: the cluster may be under attack while it is watched.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let began = Instant::now();
    let mut told: Option<(String, Instant)> = None;
    loop {
        let seen = match look().await {
            Ok(Look::Found(thing)) => return Ok(thing),
            Ok(Look::Waiting(seen)) => seen,
            Err(error) => format!("{error:#}"),
        };
        let elapsed = began.elapsed();
        if elapsed > limit {
            bail!(
                "waited {} s in vain for {what}; last seen: {seen}",
                limit.as_secs()
            );
        }
        let due = told
            .as_ref()
            .is_none_or(|(last, when)| when.elapsed() > if *last == seen { REMINDER } else { NEWS });
        if due {
            note(format_args!("{:>4} s  {what}: {seen}", elapsed.as_secs()));
            told = Some((seen, Instant::now()));
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Lets a stated time pass, for tests in which the time itself is what is tested.
pub async fn hold(what: &str, time: Duration) {
    note(format_args!("        {what} for {} s", time.as_secs()));
    tokio::time::sleep(time).await;
}

/// Prints a line of detail.
pub fn note(text: impl Display) {
    println!("    {text}");
}

/// Runs a step and prints its name and how long it took.
pub async fn step<T>(name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let began = Instant::now();
    println!("{name}");
    let outcome = work.await;
    let verdict = if outcome.is_ok() { "done" } else { "FAILED" };
    println!("{name}: {verdict} after {} s", began.elapsed().as_secs());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_thing_or_with_what_was_seen_last() {
        let mut looks = 0;
        let found = until("a second look", Duration::from_secs(10), async || {
            looks += 1;
            Ok(Look::when(looks == 2, looks, "first"))
        });
        assert_eq!(found.await.unwrap(), 2);

        let refused = until::<()>("nothing", Duration::ZERO, async || bail!("connection refused"));
        assert_eq!(
            refused.await.unwrap_err().to_string(),
            "waited 0 s in vain for nothing; last seen: connection refused"
        );
    }
}
