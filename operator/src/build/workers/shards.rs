//! Which ingest shard reads which symbol: rendezvous hashing (highest random weight), so that one shard more takes its share from
//! all others and leaves every other symbol where it is.

use sha2::{Digest, Sha256};

/// The symbols of each shard, sorted. A shard may be left without any.
pub fn assign(symbols: &[String], shards: i32) -> Vec<Vec<String>> {
    let count = usize::try_from(shards).unwrap_or_default().max(1);
    let mut assigned = vec![vec![]; count];
    for symbol in symbols {
        let shard = (0..count)
            .max_by_key(|shard| weight(symbol, *shard))
            .unwrap_or_default();
        if let Some(of_shard) = assigned.get_mut(shard) {
            of_shard.push(symbol.clone());
        }
    }
    for of_shard in &mut assigned {
        of_shard.sort();
    }
    assigned
}

fn weight(symbol: &str, shard: usize) -> [u8; 32] {
    Sha256::digest(format!("{shard}/{symbol}")).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::assign;

    fn symbols(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("COIN{number}USDT")).collect()
    }

    #[test]
    fn one_shard_more_moves_symbols_to_it_alone_and_only_its_share() {
        let symbols = symbols(1000);
        let before = assign(&symbols, 4);
        let after = assign(&symbols, 5);
        for (shard, stayed) in after.iter().take(4).enumerate() {
            assert!(stayed.iter().all(|symbol| before[shard].contains(symbol)));
        }
        assert!((120..280).contains(&after[4].len()), "{}", after[4].len());
    }

    proptest! {
        #[test]
        fn every_symbol_is_read_by_exactly_one_shard(count in 1_usize..60, shards in 1_i32..33) {
            let symbols = symbols(count);
            let mut read: Vec<_> = assign(&symbols, shards).concat();
            read.sort();
            let mut expected = symbols;
            expected.sort();
            prop_assert_eq!(read, expected);
        }
    }
}
