//! Which of Cassandra's JMX values are served to Prometheus. A short list: all of them are sixty thousand lines.

/// Configuration of the JMX exporter.
pub const RULES: &str = r#"lowercaseOutputName: true
lowercaseOutputLabelNames: true
includeObjectNames:
  - "org.apache.cassandra.metrics:type=ClientRequest,scope=Read,*"
  - "org.apache.cassandra.metrics:type=ClientRequest,scope=Write,*"
  - "org.apache.cassandra.metrics:type=Client,name=connectedNativeClients"
  - "org.apache.cassandra.metrics:type=Compaction,name=PendingTasks"
  - "org.apache.cassandra.metrics:type=DroppedMessage,name=Dropped,*"
  - "org.apache.cassandra.metrics:type=Storage,*"
  - "org.apache.cassandra.metrics:type=ThreadPools,path=request,name=PendingTasks,*"
rules:
  - pattern: 'org.apache.cassandra.metrics<type=(\w+), scope=([\w-]+), name=(\w+)><>Count: (.+)'
    name: cassandra_$1_$3_total
    type: COUNTER
    labels: {scope: "$2"}
  - pattern: 'org.apache.cassandra.metrics<type=ClientRequest, scope=(\w+), name=Latency><>99thPercentile: (.+)'
    name: cassandra_clientrequest_latency_p99_microseconds
    type: GAUGE
    labels: {scope: "$1"}
  - pattern: 'org.apache.cassandra.metrics<type=ThreadPools, path=request, scope=([\w-]+), name=(\w+)><>Value: (.+)'
    name: cassandra_threadpools_$2
    type: GAUGE
    labels: {scope: "$1"}
  - pattern: 'org.apache.cassandra.metrics<type=(\w+), name=(\w+)><>(?:Count|Value): (.+)'
    name: cassandra_$1_$2
    type: GAUGE
"#;
