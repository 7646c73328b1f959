//! JVM flags of the engines, as an argument file (`java @/etc/kafka/jvm.options`).

use crate::reconcile::validate::Sizing;

/// Heaps from here on are collected by G1, smaller ones by the serial collector, which needs less memory and fewer threads.
const G1_FROM_MIB: u64 = 1024;

/// Flags that every engine gets, followed by its own ones.
pub fn options(sizing: &Sizing, own: &[&str]) -> String {
    let heap = sizing.heap_mib;
    let collector = if heap >= G1_FROM_MIB {
        "-XX:+UseG1GC\n-XX:MaxGCPauseMillis=100"
    } else {
        "-XX:+UseSerialGC"
    };
    // A process out of memory is of no use: end it, so that its peers take over and the kubelet restarts it.
    // Metaspace reaches its first limit without full collections. Addresses are cached briefly, because pods change theirs.
    let mut text = format!(
        "-Xms{heap}m\n-Xmx{heap}m\n{collector}\n-XX:MetaspaceSize=96m\n-XX:+ExitOnOutOfMemoryError\n\
         -XX:+PerfDisableSharedMem\n\
         -Djava.awt.headless=true\n-Dsun.net.inetaddr.ttl=5\n"
    );
    for flag in own {
        text.push_str(flag);
        text.push('\n');
    }
    text
}
