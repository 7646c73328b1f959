//! The list: a row for each reason with its name, what it says of which conditions, meaning, remedy.

use super::Says;
use crate::status::condition;

const ENGINES: &[&str] = &[
    condition::KAFKA_READY,
    condition::CASSANDRA_READY,
    condition::HDFS_READY,
];
const MEMBERS: &[&str] = &[
    condition::KAFKA_READY,
    condition::CASSANDRA_READY,
    condition::HDFS_READY,
    condition::WORKERS_READY,
];
const PARTS: &[&str] = &[
    condition::TOPICS_READY,
    condition::SCHEMA_READY,
    condition::ARCHIVE_READY,
];
const NOT_LOOKED_AT: &[&str] = &[
    condition::KAFKA_READY,
    condition::TOPICS_READY,
    condition::CASSANDRA_READY,
    condition::SCHEMA_READY,
    condition::HDFS_READY,
    condition::ARCHIVE_READY,
    condition::WORKERS_READY,
    condition::DATA_FLOWING,
    condition::SYMBOLS_KNOWN,
    condition::COMPACTION_HEALTHY,
    condition::SITE_UNREACHABLE,
    condition::NODES_READY,
    condition::BUFFER_AT_RISK,
    condition::STORAGE_FILLING,
];
const READY: &[&str] = &[condition::READY];
const PROGRESSING: &[&str] = &[condition::PROGRESSING];
const KAFKA: &[&str] = &[condition::KAFKA_READY];
const CASSANDRA: &[&str] = &[condition::CASSANDRA_READY];
const HDFS: &[&str] = &[condition::HDFS_READY];
const TOPICS: &[&str] = &[condition::TOPICS_READY];
const SCHEMA: &[&str] = &[condition::SCHEMA_READY];
const ARCHIVE: &[&str] = &[condition::ARCHIVE_READY];
const WORKERS: &[&str] = &[condition::WORKERS_READY];
const SYMBOLS: &[&str] = &[condition::SYMBOLS_KNOWN];
const COMPACTION: &[&str] = &[condition::COMPACTION_HEALTHY];
const FLOW: &[&str] = &[condition::DATA_FLOWING];

reasons! {
    // The whole.
    AllReady: True READY, "nothing is awaited", "nothing";
    Updating: False READY, "changes are being carried out", "nothing";
    IdentityConflict: False READY,
        "volumes of this name hold the data of another cluster than the status says",
        "restore the object they belong to, or delete the volumes that are not wanted";
    VolumeCannotGrow: False READY,
        "the storage class cannot expand volumes",
        "restore the size that the claim has, or move to a class that can";
    VolumeGrowthFailed: False READY,
        "the storage driver says that it cannot give a volume the size asked for",
        "make room for it, or set the size back; the message has the driver's words and the sizes";
    ApplyRefused: False READY,
        "the API server refused writes: a quota, an admission policy, missing rights. What needs nothing of them was done",
        "the message has its words";
    ApplyFailed: False READY, "an object could not be written as JSON", "report it";
    DeletingVolumes: False READY, "volumes are being deleted (`deletionPolicy: Delete`)", "nothing";
    AsExpected: False &[condition::DEGRADED], "nothing that was ready is lost, and no person is needed", "nothing";
    Idle: False PROGRESSING, "nothing is being carried out", "nothing";
    Paused: False PROGRESSING, "`spec.paused`: the operator observes and reports, and changes nothing", "nothing";
    PodsRefused: False MEMBERS,
        "a quota, Pod Security, a limit range or a webhook refuses the pods",
        "the message has its words: raise the quota, or change the policy; Kubernetes tries again with growing pauses of up to 17 minutes";
    // A spec that CEL takes and the operator does not. The message names each problem with its field.
    NotStored: Invalid READY, "the object has no uid", "create it through the API server";
    IdentityUnknown: Invalid READY, "a fact that names on disk are made from is not recorded yet", "wait for the operator to record it";
    NameNodesReduced: Invalid READY,
        "one NameNode is asked for where JournalNodes hold the edits of two",
        "set `hdfs.nameNodes` to 2";
    VolumeCannotShrink: Invalid READY,
        "a size is smaller than that of every volume there is",
        "restore the size that the message names";
    FewerMembers: Invalid READY,
        "volumes that hold data are of members that the spec no longer asks for",
        "restore the number of members, or delete the claims named if their data is not needed";
    QuorumLost: Invalid READY,
        "too few volumes are left of members that must agree on what was written; the others' data cannot be used without them",
        "restore the claims that are missing; the message says what else can be done";
    RacksIncomplete: False READY,
        "the volumes tell the zones of some racks and not of all",
        "restore the claims that are missing, or list the zones of all racks in their order in `placements.*.zones`";
    UnknownPlacement: Invalid READY, "a component names a placement that is not there", "add it, or correct the name";
    InvalidNodeExpression: Invalid READY, "an expression of a placement lacks values, or has some too many", "correct the expression";
    TooManyRacks: Invalid READY, "more zones than racks are supported", "name the zones to use in `placements.*.zones`";
    ZonesFixed: Invalid READY, "zones differ from those of the first start, which stored data cannot leave", "restore the old list";
    ConfigKeyOwned: Invalid READY, "a key of `kafka.config` is the operator's", "remove the key";
    ConfigValueMultiline: Invalid READY, "a value of `kafka.config` has a line break", "write it on one line";
    MinInSyncReplicasTooHigh: Invalid READY,
        "one lost broker would stop every write",
        "lower `minInSyncReplicas`, or raise `replicationFactor`";
    RetentionTooShort: Invalid READY, "records could expire before they are archived", "raise `kafka.topics.trades.retention`";
    StartIdUnusable: Invalid READY, "`ingest.startFrom.ids` names an id or a symbol that cannot be", "correct or remove it";
    StartTimeUnreadable: Invalid READY, "`ingest.startFrom.time` is no time", "write it as in 2026-01-31T00:00:00Z";
    TradeRetentionOutOfRange: Invalid READY, "Cassandra stores no longer time to live", "correct `cassandra.tradeRetention`";
    NotASize: Invalid READY, "a quantity cannot be read", "write for example 512Mi or 10Gi";
    HeapExceedsMemory: Invalid READY, "a Java heap leaves no memory beside it", "lower the heap, or raise the limit";
    HeapTooSmall: Invalid READY, "a memory limit leaves too small a Java heap", "raise the limit";
    RequestExceedsLimit: Invalid READY, "a memory request exceeds its limit", "lower the request, or raise the limit";
    RollSizeOutOfRange: Invalid READY, "an archive file is kept in memory until it is closed", "correct `processor.archive.rollSize`";
    BufferOutOfRange: Invalid READY, "a size of `ingest.buffer` is too small or too large", "the message has the bounds";
    RollIntervalTooShort: Invalid READY, "shorter files would flood the NameNode", "raise `processor.archive.rollInterval`";
    MaxBehindTooShort: Invalid READY, "the ends of partitions are looked at every 5 s", "raise `processor.autoscaling.maxBehind`";
    ScaleDownTooSoon: Invalid READY, "partitions change hands each time", "raise `processor.autoscaling.scaleDownAfter`";
    CandleTooLong: Invalid READY, "no candle is longer than a day", "remove the interval";
    TooManyShards: Invalid READY, "there are more shards of ingest than symbols", "lower `ingest.shards`";
    DuplicateSymbol: Invalid READY, "a symbol is named twice", "remove one";
    Invalid: Invalid READY, "the spec is refused", "the message names each problem with its field";
    NotLookedAt: Unknown NOT_LOOKED_AT,
        "the spec is refused, so nothing is held against it; `DataFlowing`, `SymbolsKnown` and `dataFlow` go on",
        "see `Ready`";
    // Engines and workers.
    AllMembersReady: True ENGINES, "every member is up", "nothing";
    AllWorkersReady: True WORKERS, "every worker is up", "nothing";
    Starting: False &[
        condition::KAFKA_READY,
        condition::CASSANDRA_READY,
        condition::HDFS_READY,
        condition::PROGRESSING,
    ], "members come up for the first time", "nothing";
    MembersNotReady: False ENGINES,
        "a member that was ready is not",
        "look at the pod named; it comes back by itself unless the node or volume is gone";
    PodCannotRun: False MEMBERS,
        "a pod cannot start: its image cannot be pulled, or it crashes",
        "read the pod's events and log. Correcting the spec is enough: a pod that cannot run is replaced at once";
    Restarting: False ENGINES, "a member is on its way back from a planned restart", "nothing";
    ProgressDeadlineExceeded: False &[condition::READY, condition::DEGRADED],
        "a member or a worker has not been ready for longer than it may take",
        "read the log and the events of the pod named";
    PlacementUnsatisfied: False MEMBERS,
        "no node, or too few, satisfy the placement; the message says which labels are looked for",
        "label nodes, add tolerations, or correct the placement";
    VolumeDeleting: False ENGINES,
        "a claim is being deleted and held by its pod alone; no member of the engine is restarted meanwhile",
        "copy what only that member has, then delete its pod: it comes back with an empty volume and gets its data from the others";
    BlocksMissing: False HDFS,
        "blocks are on no live DataNode",
        "bring back the DataNodes or volumes that are away, and replace no other disk";
    BlocksUnderReplicated: False HDFS, "copies of blocks are being made anew", "replace no disk before that is done";
    BlocksUnknown: Unknown HDFS, "the active NameNode does not tell of its blocks", "nothing, unless it lasts: then look at its log";
    PartitionsBelowMinimum: False KAFKA,
        "partitions have fewer replicas in sync than a write needs, so that they take none",
        "nothing, unless it lasts: then look at the brokers' logs";
    PartitionsUnknown: Unknown KAFKA,
        "Kafka does not tell which replicas are in sync, or what it tells is not to be believed so soon after a broker's start",
        "nothing, unless it lasts: then look at the brokers' logs; a NetworkPolicy may keep the operator out";
    NodesDown: False CASSANDRA,
        "a node is ready and the others do not see it up",
        "if it lasts, the nodes cannot reach each other on port 7000";
    RingUnknown: Unknown CASSANDRA,
        "no node tells which nodes are up",
        "nothing, unless it lasts: a NetworkPolicy may keep the operator out";
    Formatting: False HDFS,
        "a Job formats the NameNode, the JournalNodes or the failover controllers' node in ZooKeeper; each once in the life of the data",
        "nothing";
    Stopping: False HDFS,
        "a single NameNode stops for a moment, so that its edits go to the JournalNodes: it is becoming one of two",
        "nothing";
    FormatFailed: False HDFS, "a Job gave up", "read its pod's log, repair, delete the Job: it is made again";
    NoActiveNameNode: False HDFS,
        "all NameNodes run and none is active",
        "nothing, unless it lasts: then look at the `zkfc` containers' logs and at ZooKeeper";
    // What lives in the engines.
    AsWanted: True PARTS, "it is as asked for", "nothing";
    EngineNotReady: False PARTS, "it follows once its engine is ready", "nothing";
    Creating: False PARTS, "it is being created", "nothing";
    Changing: False PARTS, "it is being brought to what the changed spec asks for", "nothing";
    KafkaUnavailable: False TOPICS,
        "Kafka does not answer the operator",
        "look at `KafkaReady`; a NetworkPolicy may keep the operator out";
    CassandraUnavailable: False SCHEMA,
        "Cassandra does not answer the operator",
        "look at `CassandraReady`; a NetworkPolicy may keep the operator out";
    HdfsUnavailable: False ARCHIVE,
        "HDFS does not answer the operator",
        "look at `HdfsReady`; a NetworkPolicy may keep the operator out";
    Interrupted: False TOPICS, "the question to Kafka was cut off", "nothing; it is asked again";
    SafeMode: False ARCHIVE,
        "the NameNode waits until enough blocks are reported",
        "nothing, unless DataNodes are missing. Never force it to leave";
    SchemaDisagreement: False SCHEMA,
        "Cassandra's nodes do not agree on the schema yet",
        "nothing; if it lasts, a node is unreachable for others";
    TopicRefused: False TOPICS, "Kafka refused a request", "the message has its words";
    SchemaRefused: False SCHEMA, "Cassandra refused a statement", "the message has its words";
    ArchiveRefused: False ARCHIVE, "HDFS refused a request", "the message has its words";
    MorePartitions: True TOPICS, "a topic has more partitions than the spec asks for", "make the spec say what is there";
    ReplicationDiffers: True TOPICS,
        "a topic has another number of replicas than the spec asks for",
        "reassign its partitions as the message says, or make the spec say what is there";
    ReplicationLarger: True SCHEMA,
        "the keyspace has more replicas than the spec asks for",
        "follow the message, or make the spec say what is there";
    RetentionSmaller: True &[condition::TOPICS_READY, condition::SCHEMA_READY],
        "a shorter retention is asked for, which would take data away",
        "follow the message, or make the spec say what is there";
    ColumnTypeDiffers: True SCHEMA, "a column has another type than the operator's tables", "follow the message";
    // Workers and their symbols.
    WaitingForBootstrap: False WORKERS, "workers start when topics, tables and folders exist", "nothing";
    WorkersNotReady: False WORKERS,
        "a worker that was ready is not",
        "look at the pod named; it comes back by itself unless the node is gone";
    AllListed: True SYMBOLS, "the exchange lists every symbol", "nothing";
    ExchangeUnreachable: Unknown SYMBOLS,
        "no ingest worker has read the exchange's list of symbols yet; the message has the address and the last error",
        "egress, DNS and proxy of `ingest.endpoints.rest`, if it lasts";
    ExchangeNotAsked: Unknown SYMBOLS, "files are played; nobody asks the exchange", "nothing";
    UnknownSymbols: False SYMBOLS,
        "the exchange does not list the symbols named; the others are not concerned, and `Ready` stays",
        "correct `ingest.symbols`, or wait: they are read from their first trade on once they are listed";
    // Compaction, where it is asked for; `Ready` stays.
    NoRunYet: Unknown COMPACTION, "no run has ended yet", "nothing";
    LastRunSucceeded: True COMPACTION, "the last run merged everything that it could", "nothing";
    CompactionFailed: False COMPACTION,
        "the last run gave up some hours or could not begin. They are complete, only not merged",
        "read the log of the Job named; the next run tries again, or start one by hand: its success takes the condition back";
    // The stream.
    TradesFlow: True FLOW, "feeds are connected, both lanes run, no trade is missing", "nothing";
    WorkersNotStarted: False FLOW, "no worker runs yet", "nothing, unless it lasts";
    WorkersSilent: Unknown FLOW,
        "workers run, and none of them answers the operator; after a minute `Ready` carries it too",
        "a NetworkPolicy may keep the operator out; else look at the workers' pods";
    IngestSilent: False FLOW, "an ingest worker does not answer the operator", "look at its pod, if it lasts";
    ProcessorSilent: False FLOW, "a processor does not answer the operator", "look at its pod, if it lasts";
    NoTradesYet: False FLOW, "connected; no trade has come yet", "nothing, unless it lasts";
    FeedDisconnected: False FLOW,
        "an ingest worker is not connected to the exchange; it connects again with growing pauses",
        "if it lasts: egress, DNS, the exchange's status. What is sent meanwhile is fetched afterwards";
    KafkaUnreachable: False FLOW,
        "Kafka takes no trades, or takes them slower than they come; the number named waits on the disks of ingest, in order, and goes out by itself. \"Its buffer is full\": the feed is closed until the disk is half empty, and what it misses is fetched afterwards",
        "look at `KafkaReady` and at the workers' egress to the brokers. If outages last longer than the buffer: raise `ingest.buffer.disk`. Do not delete the pod: what waits would have to be fetched by REST";
    LaneWaiting: False FLOW,
        "a lane waits for its sink; the other goes on and Kafka keeps what is not written",
        "look at the sink. The time you have is the topic's retention";
    IdsRestarted: False FLOW,
        "the exchange numbers the trades of the symbols named from a lower id on; the message has the first new id and the newest old one. The new trades go to the dead-letter topic with this reason until their ids are above the old ones ([0025](decisions/0025-restarted-ids.md))",
        "read the symbol in another pipeline, whose topic, table and archive know none of the old ids, and take it out of `ingest.symbols` here, which ends the condition. `replay-dlq put` refuses these letters: the lanes would take them for copies";
    RepairingGaps: True FLOW, "trade ids that no worker heard are being fetched by REST; the message names them", "nothing";
    ArchivingRepairs: True FLOW, "what was fetched is in Kafka and waits for its archive file to be closed", "nothing";
    ReplayWaiting: False FLOW,
        "files are to be played and none was read yet; the message says why",
        "check `ingest.replay.claim`, `path` and `format` ([replay.md](replay.md))";
    ReplayDamaged: False FLOW,
        "the rest of the files named cannot be read",
        "replace them and delete the ingest pod: it reads all again and sends what is missing";
    Replaying: True FLOW, "so many files were read", "nothing";
    ReplayFinished: True FLOW, "all files were played and are in Kafka", "go live, or delete the pipeline, once the lags are 0";
    IdsMissing: False FLOW,
        "the ids named were asked for in vain for ten minutes, and are asked for on; the reason stands in brackets. With \"the files of ingest.replay\": the files that were played lack these ids",
        "`RestUnavailable`: egress and DNS of `ingest.endpoints.rest`. `RestRefused`: the host does not serve `historicalTrades`, or not to your region; use another. `RestLimited`, `RestBanned`: others share the address; lower `ingest.requestWeightPerMinute`. `NotThereYet`: the exchange does not have them (yet). Files: add them and delete the ingest pod, or set `ingest.source: exchange`, which fetches the ids";
    IdsNotArchived: False FLOW,
        "ids are in no archive file although ingest had them, or nobody knows of them: records expired before they were archived, or files were deleted. No `ingest.gapPolicy` excuses it",
        "run the auditor ([`examples/auditor.yaml`](../examples/auditor.yaml)) with `--json`, which names them, and look at `lost_to_retention`; if Kafka still has them, report it; else restore the files, or play the trades again ([replay.md](replay.md))";
    IdsNotInTable: False FLOW,
        "ids that ingest has are not in Cassandra: Kafka deleted their records before the hot lane had stored them; the message names them",
        "raise `kafka.topics.trades.retention`, and copy the rows from the archive, or play the trades again ([replay.md](replay.md))";
    IdsMissingAdvisory: True FLOW,
        "ids are missing as under `IdsMissing`, and `ingest.gapPolicy` is `Advisory`, as by default for coinbase, which does not promise numbers without holes ([0019](decisions/0019-second-venue.md))",
        "read the reason in brackets as under `IdsMissing`; if only `NotThereYet` stands there, the exchange may never have given these numbers away";
    TradesFlowUnchecked: True FLOW,
        "`ingest.gapPolicy` is `None`: nobody looks for missing trades, `missingIds` is 0 whatever is missing, and gaps told of before keep their last state",
        "nothing; `Advisory` looks again";
    // Sites, nodes, and what waits in Kafka. Of `SiteUnreachable`, `BufferAtRisk` and `StorageFilling` True is bad.
    SitesReachable: False &[condition::SITE_UNREACHABLE], "every site is reached", "nothing";
    LinkDown: True &[condition::SITE_UNREACHABLE],
        "no node of the site named reaches the API server, and no data is known to pass; `Ready` and `Degraded` carry it too",
        "look at the link and at the site's power. Its pods stay, and Kafka keeps what lanes do not store: `BufferAtRisk` tells how long";
    ControlPlaneOnly: True &[condition::SITE_UNREACHABLE],
        "no node of the site named reaches the API server, and data flows all the same; `Ready` and `Degraded` carry it too",
        "look at the way from the site to the API server";
    DataPlaneOnly: True &[condition::SITE_UNREACHABLE],
        "two or more connections to the site named fail for 30 s, although its nodes are ready and the far ends are up; `Ready` and `Degraded` carry it too",
        "look at the link between the sites: VPN, routes, MTU, network policies";
    AllNodesReady: True &[condition::NODES_READY], "every node that holds a pod is ready", "nothing";
    NodeNotReady: False &[condition::NODES_READY],
        "the nodes named are not ready, and hold the pods named; `Ready` and `Degraded` carry it too",
        "bring the node back. If it is gone for good, follow \"Failures\" below";
    BufferSafe: False &[condition::BUFFER_AT_RISK], "Kafka keeps what lanes have not stored for long enough", "nothing";
    RecordsAtRisk: True &[condition::BUFFER_AT_RISK],
        "a quarter of the retention or less, or less than six hours, are left until Kafka may delete records that the lane named has not stored, or a broker's disk is full before; the message has the time. `Ready` and `Degraded` carry it too",
        "bring the lane's sink or the link back before that, or raise `kafka.topics.trades.retention` now, and `kafka.storage.size` where the disk is short";
    StoresHaveRoom: False &[condition::STORAGE_FILLING], "no store that tells of its volume is full within a day", "nothing";
    StoreFullSoon: True &[condition::STORAGE_FILLING],
        "the stores named are full within a day at the rate of the last hour at most; `Ready` stays",
        "raise `storage.size`, or keep less";
    // Events, and reconciliations that failed.
    EngineFormed: Event &[], "an engine has formed for the first time; its identity is fixed", "nothing";
    TopicCreated: Event &[], "a topic was created", "nothing";
    TopicGrown: Event &[], "a topic has more partitions", "nothing";
    TopicConfigured: Event &[], "a topic's configuration was changed", "nothing";
    KeyspaceCreated: Event &[], "the keyspace was created", "nothing";
    TableCreated: Event &[], "a table was created", "nothing";
    ColumnAdded: Event &[], "a column was added to a table", "nothing";
    ReplicationRaised: Event &[], "the keyspace has more replicas", "run `nodetool repair` on each node, as the event says";
    RetentionRaised: Event &[], "a table keeps its rows longer", "nothing";
    ArchiveCreated: Event &[], "the archive's folders were created", "nothing";
    PodRestarted: Event &[], "a member was restarted, because its configuration or version changed", "nothing";
    WorkerMoved: Event &[], "a worker's pod was taken off a node that had not been ready for five minutes; another node of its site is", "nothing";
    ProcessorScaled: Event &[], "the operator has changed the number of processors", "nothing";
    ApiServerUnavailable: Event &[], "the API server could not be read", "nothing; it is tried again with growing pauses";
    Unreadable: Event &[], "the object is not what the CRD describes", "correct it";
}
