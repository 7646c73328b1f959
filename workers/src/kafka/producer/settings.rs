//! The settings of librdkafka's producer.

use rdkafka::ClientConfig;

/// A trade event with key and headers, in bytes, rounded up. librdkafka needs some 500 more for each record.
const RECORD_BYTES: u64 = 224;
/// librdkafka's limits of what follows.
const MOST: u64 = i32::MAX as u64;

/// The settings of every producer of trades: idempotent, all in-sync replicas, no time limit. The buffer holds records of
/// `buffer_bytes`, between 1 KiB and 2 TiB; with librdkafka's own bookkeeping it is about three times as much memory when full.
pub fn settings(bootstrap: &str, client_id: &str, buffer_bytes: u64) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", client_id)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // A batch that is given up on stops the client, so that none overtakes it.
        .set("enable.gapless.guarantee", "true")
        .set("compression.type", "zstd")
        .set("linger.ms", "10")
        // Below any sensible max.message.bytes of a topic, so that no batch is ever refused for its size.
        .set("batch.size", "131072")
        // 0 is for ever: a time limit would break the order of what follows.
        .set("message.timeout.ms", "0")
        // The Java client's choice of partition.
        .set("partitioner", "murmur2_random")
        .set(
            "queue.buffering.max.messages",
            (buffer_bytes / RECORD_BYTES).clamp(1, MOST).to_string(),
        )
        .set(
            "queue.buffering.max.kbytes",
            (buffer_bytes / 1024).clamp(1, MOST).to_string(),
        )
        // A restarted broker is found again within seconds.
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true");
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_bounded_by_size_and_by_count() {
        let bounds = |bytes| {
            let settings = settings("", "", bytes);
            ["queue.buffering.max.kbytes", "queue.buffering.max.messages"]
                .map(|key| settings.get(key).unwrap_or_default().to_owned())
        };
        assert_eq!(bounds(32 << 20), ["32768", "149796"]);
        assert_eq!(bounds(0), ["1", "1"], "0 would be without bounds");
        assert_eq!(bounds(u64::MAX), ["2147483647", "2147483647"]);
    }
}
