//! Random choices that can be made again: a seed that is printed, and numbers that follow from it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::progress::note;

/// The variable that holds the seed of an earlier run.
const SEED: &str = "CRYPTOPIPELINE_E2E_SEED";

/// A sequence of numbers, `SplitMix64` of Steele, Lea and Flood (2014).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with the seed in `CRYPTOPIPELINE_E2E_SEED`, else with the time, and prints which.
    pub fn told() -> Result<Self> {
        let seed = match std::env::var(SEED) {
            Ok(text) => text.parse().with_context(|| format!("{SEED}={text}"))?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        note(format_args!("{SEED}={seed}"));
        Ok(Self(seed))
    }

    /// A number of `0..bound`; 0 where there is none.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        match (mixed ^ (mixed >> 31)).checked_rem(bound) {
            Some(number) => number,
            None => 0,
        }
    }

    /// One of these; `None` where there are none.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let index = self.below(things.len() as u64);
        things.get(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_follow_from_the_seed() {
        // The first numbers of the published generator.
        let mut random = Random(1_234_567);
        let numbers = [(); 3].map(|()| random.below(u64::MAX));
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn each_of_the_things_comes_up() {
        let mut random = Random(1);
        let mut seen = [false; 3];
        for _ in 0..100 {
            seen[*random.one_of(&[0, 1, 2]).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.one_of::<u8>(&[]), None);
    }
}
