//! Which ingest shard reads which symbol: rendezvous hashing (highest random weight), so that one shard more takes its share from
//! all others and leaves every other symbol where it is. A symbol that moves is read by both shards until the new one hears it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// By shard and symbol, what the workers say that they read now.
pub type Readings = BTreeMap<usize, BTreeMap<String, Reading>>;

/// How one worker reads one symbol. The greater one is the better one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// Whether the worker is connected to the exchange.
    pub connected: bool,
    /// Its trades of the symbol that Kafka took in the last minute, counted every ten seconds.
    pub per_minute: u64,
}

impl Reading {
    /// Whether a worker that reads so may be the only one. Of a symbol that is quiet everywhere nothing more can be known.
    const fn replaces(self, old: Self) -> bool {
        self.connected && (self.per_minute > 0 || old.per_minute == 0)
    }
}

/// The symbols of each shard, sorted. A shard may be left without any; one above `shards` is there as long as it reads what
/// its successor does not hear yet.
pub fn assign(symbols: &[String], shards: i32, readings: &Readings) -> BTreeMap<usize, Vec<String>> {
    let count = usize::try_from(shards).unwrap_or_default().max(1);
    let mut assigned: BTreeMap<usize, Vec<String>> = (0..count).map(|shard| (shard, vec![])).collect();
    for symbol in symbols {
        let owner = owner(symbol, count);
        let reading = |shard: usize| readings.get(&shard)?.get(symbol).copied();
        let new = reading(owner).unwrap_or_default();
        let still_needed = readings
            .keys()
            .copied()
            .filter(|shard| *shard != owner && reading(*shard).is_some_and(|old| !new.replaces(old)));
        for shard in still_needed.chain([owner]) {
            assigned.entry(shard).or_default().push(symbol.clone());
        }
    }
    for of_shard in assigned.values_mut() {
        of_shard.sort();
    }
    assigned
}

fn owner(symbol: &str, count: usize) -> usize {
    (0..count)
        .max_by_key(|shard| weight(symbol, *shard))
        .unwrap_or_default()
}

fn weight(symbol: &str, shard: usize) -> [u8; 32] {
    Sha256::digest(format!("{shard}/{symbol}")).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEARD: Reading = Reading {
        connected: true,
        per_minute: 10,
    };
    const QUIET: Reading = Reading {
        connected: true,
        per_minute: 0,
    };

    fn symbols(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("COIN{number}USDT")).collect()
    }

    /// Every shard reads its symbols.
    fn read(assigned: &BTreeMap<usize, Vec<String>>, reading: Reading) -> Readings {
        let all = |symbols: &Vec<String>| symbols.iter().map(|symbol| (symbol.clone(), reading)).collect();
        assigned
            .iter()
            .map(|(shard, symbols)| (*shard, all(symbols)))
            .collect()
    }

    #[test]
    fn one_shard_more_moves_symbols_to_it_alone_and_only_its_share() {
        let symbols = symbols(1000);
        let before = assign(&symbols, 4, &Readings::new());
        let after = assign(&symbols, 5, &Readings::new());
        for (shard, stayed) in after.iter().take(4) {
            assert!(stayed.iter().all(|symbol| before[shard].contains(symbol)));
        }
        assert!((120..280).contains(&after[&4].len()), "{}", after[&4].len());
    }

    #[test]
    fn a_symbol_that_moves_is_read_by_both_until_the_new_shard_hears_it() {
        let symbols = symbols(20);
        let before = assign(&symbols, 1, &Readings::new());
        let after = assign(&symbols, 2, &Readings::new());
        let mut readings = read(&before, HEARD);
        let both = assign(&symbols, 2, &readings);
        assert_eq!((&both[&0], &both[&1]), (&symbols_sorted(&symbols), &after[&1]));
        // The new worker follows the list and has not heard a trade yet.
        readings.insert(1, read(&after, QUIET)[&1].clone());
        assert_eq!(assign(&symbols, 2, &readings), both);
        readings.insert(1, read(&after, HEARD)[&1].clone());
        assert_eq!(assign(&symbols, 2, &readings), after);
    }

    #[test]
    fn a_symbol_that_is_quiet_on_both_shards_moves() {
        let symbols = symbols(20);
        let after = assign(&symbols, 2, &Readings::new());
        let mut readings = read(&assign(&symbols, 1, &Readings::new()), QUIET);
        readings.insert(1, read(&after, QUIET)[&1].clone());
        assert_eq!(assign(&symbols, 2, &readings), after);
    }

    #[test]
    fn a_worker_without_a_connection_replaces_none() {
        let lost = Reading {
            connected: false,
            per_minute: 10,
        };
        assert!(!lost.replaces(QUIET) && !lost.replaces(HEARD));
    }

    #[test]
    fn a_shard_too_many_stays_with_what_the_others_do_not_hear() {
        let symbols = symbols(20);
        let two = assign(&symbols, 2, &Readings::new());
        let mut readings = read(&two, HEARD);
        let both = assign(&symbols, 1, &readings);
        assert_eq!((&both[&0], &both[&1]), (&symbols_sorted(&symbols), &two[&1]));
        readings.insert(0, read(&both, HEARD)[&0].clone());
        let one = assign(&symbols, 1, &readings);
        assert_eq!(one.keys().collect::<Vec<_>>(), [&0]);
    }

    #[test]
    fn a_symbol_that_is_no_longer_wanted_is_kept_nowhere() {
        let readings = read(&assign(&symbols(4), 1, &Readings::new()), HEARD);
        let left = assign(&symbols(1), 1, &readings);
        assert_eq!(left, BTreeMap::from([(0, symbols(1))]));
    }

    fn symbols_sorted(symbols: &[String]) -> Vec<String> {
        let mut sorted = symbols.to_vec();
        sorted.sort();
        sorted
    }

    proptest! {
        #[test]
        fn every_symbol_is_read_by_exactly_one_shard(count in 1_usize..60, shards in 1_i32..33) {
            let symbols = symbols(count);
            let mut read: Vec<_> = assign(&symbols, shards, &Readings::new()).into_values().flatten().collect();
            read.sort();
            prop_assert_eq!(read, symbols_sorted(&symbols));
        }

        #[test]
        fn what_is_heard_is_never_given_up_by_all(
            count in 1_usize..20,
            before in 1_i32..5,
            after in 1_i32..5,
            heard in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let symbols = symbols(count);
            let old = assign(&symbols, before, &Readings::new());
            let mut readings = read(&old, HEARD);
            let wanted = assign(&symbols, after, &Readings::new());
            for (shard, new) in read(&wanted, HEARD) {
                let some = new.into_iter().zip(&heard).filter(|(_, heard)| **heard).map(|(new, _)| new);
                readings.entry(shard).or_default().extend(some);
            }
            let assigned = assign(&symbols, after, &readings);
            for symbol in &symbols {
                let heard = assigned.iter().any(|(shard, symbols)| {
                    symbols.contains(symbol) && readings.get(shard).is_some_and(|of| of.contains_key(symbol))
                });
                prop_assert!(heard, "{symbol}: {assigned:?}");
            }
        }
    }
}
