//! Names of symbols that lie in every partition of the topic. Kafka's clients put a key where its murmur2 hash says.

/// The partition of a key in a topic of so many partitions, as Kafka's own client chooses it.
pub fn partition(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions
}

/// The first of the names of which each partition has so many, in the order in which they are given.
pub fn over_partitions(names: impl Iterator<Item = String>, partitions: u32, each: usize) -> Vec<String> {
    let mut taken = vec![0; partitions as usize];
    let wanted = taken.len() * each;
    let fits = move |name: &String| {
        let place = taken.get_mut(partition(name, partitions) as usize);
        place.is_some_and(|count| {
            *count += 1;
            *count <= each
        })
    };
    names.filter(fits).take(wanted).collect()
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mix = |word: u32| {
        let word = word.wrapping_mul(M);
        (word ^ (word >> 24)).wrapping_mul(M)
    };
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    let mut hash = words.fold(0x9747_b28c ^ length, |hash, word| {
        let word = word
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash.wrapping_mul(M) ^ mix(word)
    });
    if !rest.is_empty() {
        let word = rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    // The examples of Kafka's own UtilsTest.
    #[case("21", -973_932_308)]
    #[case("foobar", -790_332_482)]
    #[case("a-little-bit-long-string", -985_981_536)]
    #[case("a-little-bit-longer-string", -1_486_304_829)]
    #[case("abc", 479_470_107)]
    fn the_hash_is_that_of_kafka(#[case] key: &str, #[case] hash: i32) {
        assert_eq!(murmur2(key.as_bytes()), hash.cast_unsigned());
    }

    #[test]
    fn every_partition_has_as_many_names() {
        let names = over_partitions((1..).map(|number| format!("X{number}USDT")), 6, 2);
        let mut counts = [0; 6];
        for name in &names {
            counts[partition(name, 6) as usize] += 1;
        }
        assert_eq!(counts, [2; 6], "{names:?}");
    }
}
