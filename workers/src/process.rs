//! What the kernel counts of a process, and the standard metrics of the own one (`process_…`, as Prometheus' client
//! libraries call them). Reads `/proc`; see `man 5 proc`.

use std::{fmt, fs, io};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Ticks of the CPU times in `/proc`, the same on every Linux (`sysconf(_SC_CLK_TCK)`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// User and system time of all threads, seconds, to a hundredth.
    pub cpu_seconds: f64,
    /// Resident memory now, bytes.
    pub resident_bytes: u64,
    /// The most resident memory there ever was, bytes.
    pub peak_resident_bytes: u64,
}

impl Usage {
    /// Of a process: its id, or `self`.
    pub fn of(process: impl fmt::Display) -> io::Result<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
        let (stat, status) = (read("stat")?, read("status")?);
        Self::parse(&stat, &status).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "/proc has another form than documented",
            )
        })
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name in brackets may hold anything; fields 14 and 15 of the whole are the times.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: f64 = fields.next()?.parse().ok()?;
        let system: f64 = fields.next()?.parse().ok()?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib << 10)
        };
        Some(Self {
            cpu_seconds: (user + system) / TICKS_PER_SECOND,
            resident_bytes: bytes("VmRSS:")?,
            peak_resident_bytes: bytes("VmHWM:")?,
        })
    }
}

/// The metrics of this process, without the prefix of the worker's own.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Own));
    registry
}

#[derive(Debug)]
struct Own;

impl Collector for Own {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Where there is no `/proc` these metrics are absent.
        let Ok(usage) = Usage::of("self") else {
            return Ok(());
        };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            "User and system CPU time",
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        for (name, help, bytes) in [
            ("process_resident_memory", "Resident memory", usage.resident_bytes),
            (
                "process_resident_memory_max",
                "The most resident memory so far",
                usage.peak_resident_bytes,
            ),
        ] {
            let memory = ConstGauge::new(bytes);
            memory.encode(encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Bytes),
                memory.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_found_whatever_the_process_is_called() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 4 0 99 1000 200";
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let usage = Usage {
            cpu_seconds: 1.75,
            resident_bytes: 1 << 20,
            peak_resident_bytes: 2 << 20,
        };
        assert_eq!(Usage::parse(stat, status), Some(usage));
        assert_eq!(Usage::parse(stat, "Name:\ta\n"), None);
    }

    #[test]
    fn the_own_metrics_have_their_usual_names() {
        let page = crate::metrics::encode(&[&registry()]).unwrap();
        for name in [
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_resident_memory_max_bytes ",
        ] {
            assert!(page.lines().any(|line| line.starts_with(name)), "{name}: {page}");
        }
    }
}
