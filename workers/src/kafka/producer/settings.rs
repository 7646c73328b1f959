//! The settings of librdkafka's producer.

use rdkafka::ClientConfig;

/// The settings of every producer of trades: idempotent, all in-sync replicas, no time limit. The buffer of 150,000
/// records of about 140 bytes is, with librdkafka's own bookkeeping, about 100 MiB of memory when full.
pub fn settings(bootstrap: &str, client_id: &str) -> ClientConfig {
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
        .set("queue.buffering.max.messages", "150000")
        .set("queue.buffering.max.kbytes", "32768")
        // A restarted broker is found again within seconds.
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true");
    config
}
