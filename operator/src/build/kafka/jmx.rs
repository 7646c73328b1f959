//! Which of Kafka's JMX values are served to Prometheus. A short list: all of them are twelve thousand lines.

/// Configuration of the JMX exporter. `kafka_raft_current_state` also answers the controllers' readiness probe.
pub const RULES: &str = r#"lowercaseOutputName: true
lowercaseOutputLabelNames: true
includeObjectNames:
  - "kafka.server:type=raft-metrics"
  - "kafka.server:type=broker-metadata-metrics"
  - "kafka.server:type=BrokerTopicMetrics,name=*"
  - "kafka.server:type=ReplicaManager,name=*"
  - "kafka.controller:type=KafkaController,name=*"
  - "kafka.controller:type=ControllerStats,name=UncleanLeaderElectionsPerSec"
  - "kafka.log:type=LogManager,name=*"
  - "kafka.network:type=SocketServer,name=NetworkProcessorAvgIdlePercent"
rules:
  - pattern: 'kafka.server<type=raft-metrics><>current-state: (.+)'
    name: kafka_raft_current_state
    value: 1
    labels: {state: "$1"}
  - pattern: 'kafka.server<type=raft-metrics><>(.+): (.+)'
    name: kafka_raft_$1
  - pattern: 'kafka.server<type=broker-metadata-metrics><>(.+): (.+)'
    name: kafka_broker_metadata_$1
  - pattern: 'kafka.(\w+)<type=(\w+), name=(\w+)><>Count: (.+)'
    name: kafka_$1_$2_$3_total
    type: COUNTER
  - pattern: 'kafka.(\w+)<type=(\w+), name=(\w+)><>Value: (.+)'
    name: kafka_$1_$2_$3
    type: GAUGE
"#;
