//! From tables wanted and tables that exist to CQL statements. Pure.

use std::collections::BTreeMap;

use crds::tables::{self, Column, Retention, Table};

use super::{Finding, SchemaWanted};

/// Keyspaces of Cassandra itself whose loss would lock a ring with one node down.
const SYSTEM_KEYSPACES: [&str; 2] = ["system_auth", "system_distributed"];
/// A day: the unit of the time windows.
const DAY_SECONDS: u64 = 86_400;
/// Windows that a retention is cut into, at most; more of them make reads touch too many files.
const MAX_WINDOWS: u64 = 40;

/// The schema as Cassandra describes it in `system_schema`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSchema {
    /// By keyspace, its replication options.
    pub replication: BTreeMap<String, BTreeMap<String, String>>,
    /// Tables of the pipeline's keyspace.
    pub tables: BTreeMap<String, LiveTable>,
}

/// A table that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveTable {
    /// `default_time_to_live`, 0 for ever.
    pub ttl_seconds: u64,
    /// Type by column.
    pub columns: BTreeMap<String, String>,
}

/// Statements to run, in order, each with what it does; and what is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// CQL and what it does.
    pub statements: Vec<(String, Finding)>,
    /// What is left as it is.
    pub differences: Vec<Finding>,
}

/// Creates what is missing and widens what is safe to widen: columns are added, replication and time to live raised.
pub fn migrate(wanted: &SchemaWanted, live: &LiveSchema) -> Migration {
    let mut migration = Migration::default();
    keyspace(wanted, live, &mut migration);
    for table in tables::ALL {
        match live.tables.get(table.name) {
            None => migration.statements.push((
                create_table(wanted, &table),
                Finding::new(
                    "TableCreated",
                    format!("table {}.{} created", wanted.keyspace, table.name),
                ),
            )),
            Some(live) => widen(wanted, &table, live, &mut migration),
        }
    }
    for keyspace in SYSTEM_KEYSPACES {
        let factor = wanted.system_replication;
        if live
            .factor(keyspace, &wanted.datacenter)
            .is_some_and(|now| now < factor)
        {
            migration.statements.push((
                alter_keyspace(keyspace, &wanted.datacenter, factor),
                Finding::new(
                    "ReplicationRaised",
                    format!("keyspace {keyspace} raised to {factor} replicas"),
                ),
            ));
        }
    }
    migration
}

fn keyspace(wanted: &SchemaWanted, live: &LiveSchema, migration: &mut Migration) {
    let SchemaWanted {
        keyspace,
        replication,
        ..
    } = wanted;
    match live.factor(keyspace, &wanted.datacenter) {
        None => migration.statements.push((
            format!(
                "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {}",
                quoted(keyspace),
                strategy(&wanted.datacenter, *replication)
            ),
            Finding::new(
                "KeyspaceCreated",
                format!("keyspace {keyspace} created with {replication} replicas"),
            ),
        )),
        Some(now) if now < *replication => migration.statements.push((
            alter_keyspace(keyspace, &wanted.datacenter, *replication),
            Finding::new(
                "ReplicationRaised",
                format!(
                    "keyspace {keyspace} raised from {now} to {replication} replicas; run nodetool repair, so that older \
                     rows get their copies"
                ),
            ),
        )),
        Some(now) if now > *replication => migration.differences.push(Finding::new(
            "ReplicationLarger",
            format!(
                "keyspace {keyspace} has {now} replicas, the spec asks for {replication}; copies are not taken away, so \
                 raise the spec or alter the keyspace by hand"
            ),
        )),
        Some(_) => {}
    }
}

fn create_table(wanted: &SchemaWanted, table: &Table) -> String {
    let columns: Vec<_> = table.columns.iter().map(definition).collect();
    let partition = list(table.partition_key);
    let clustering = list(table.clustering_key);
    let direction = if table.descending { "DESC" } else { "ASC" };
    let order: Vec<_> = table
        .clustering_key
        .iter()
        .map(|key| format!("{} {direction}", quoted(key)))
        .collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {}.{} ({}, PRIMARY KEY (({partition}), {clustering})) \
         WITH CLUSTERING ORDER BY ({}){}",
        quoted(&wanted.keyspace),
        quoted(table.name),
        columns.join(", "),
        order.join(", "),
        options(wanted, table)
    )
}

/// Rows that expire are kept in windows of time, so that whole files are dropped instead of compacted.
fn options(wanted: &SchemaWanted, table: &Table) -> String {
    match table.retention {
        Retention::Forever => String::new(),
        Retention::Trades => {
            let days = wanted.trade_ttl_seconds.div_ceil(DAY_SECONDS).max(1);
            let window = days.div_ceil(MAX_WINDOWS);
            format!(
                " AND compaction = {{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', \
                 'compaction_window_size': '{window}'}} AND default_time_to_live = {}",
                wanted.trade_ttl_seconds
            )
        }
    }
}

fn widen(wanted: &SchemaWanted, table: &Table, live: &LiveTable, migration: &mut Migration) {
    let name = format!("{}.{}", wanted.keyspace, table.name);
    let alter = format!("ALTER TABLE {}.{}", quoted(&wanted.keyspace), quoted(table.name));
    for column in table.columns {
        match live.columns.get(column.name) {
            None => migration.statements.push((
                format!("{alter} ADD IF NOT EXISTS {}", definition(column)),
                Finding::new("ColumnAdded", format!("column {} added to {name}", column.name)),
            )),
            Some(cql_type) if cql_type != column.cql_type => migration.differences.push(Finding::new(
                "ColumnTypeDiffers",
                format!(
                    "column {} of {name} is {cql_type} and should be {}; Cassandra cannot change a type, so move the \
                     table away or use another keyspace",
                    column.name, column.cql_type
                ),
            )),
            Some(_) => {}
        }
    }
    let ttl = wanted.trade_ttl_seconds;
    let now = live.ttl_seconds;
    if table.retention != Retention::Trades || now == ttl {
        return;
    }
    if now != 0 && now < ttl {
        migration.statements.push((
            format!("{alter} WITH default_time_to_live = {ttl}"),
            Finding::new(
                "RetentionRaised",
                format!("new rows of {name} stay {ttl} seconds"),
            ),
        ));
    } else {
        migration.differences.push(Finding::new(
            "RetentionSmaller",
            format!(
                "rows of {name} stay {}, the spec asks for {ttl} seconds; retention is not lowered, so raise the spec or \
                 alter default_time_to_live by hand",
                if now == 0 { "for ever".to_owned() } else { format!("{now} seconds") }
            ),
        ));
    }
}

impl LiveSchema {
    /// Copies of each row in the data centre; for the simple strategy, anywhere. `None`: no such keyspace.
    fn factor(&self, keyspace: &str, datacenter: &str) -> Option<i32> {
        let options = self.replication.get(keyspace)?;
        let factor = options
            .get(datacenter)
            .or_else(|| options.get("replication_factor"));
        Some(factor.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

fn alter_keyspace(keyspace: &str, datacenter: &str, factor: i32) -> String {
    format!(
        "ALTER KEYSPACE {} WITH replication = {}",
        quoted(keyspace),
        strategy(datacenter, factor)
    )
}

fn strategy(datacenter: &str, factor: i32) -> String {
    format!("{{'class': 'NetworkTopologyStrategy', '{datacenter}': {factor}}}")
}

fn definition(column: &Column) -> String {
    format!("{} {}", quoted(column.name), column.cql_type)
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    quoted.join(", ")
}

/// An identifier, safe even where it is a word of CQL. Names are lower case and without quotes by the CRD's rules.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> SchemaWanted {
        SchemaWanted {
            contact_points: vec![],
            keyspace: "crypto_ks".to_owned(),
            datacenter: "dc1".to_owned(),
            replication: 3,
            system_replication: 3,
            trade_ttl_seconds: 30 * DAY_SECONDS,
        }
    }

    fn replicas(factor: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("dc1".to_owned(), factor.to_owned())])
    }

    /// The schema after every statement for `wanted` has run.
    fn complete() -> LiveSchema {
        let keyspaces = ["crypto_ks", "system_auth", "system_distributed"];
        LiveSchema {
            replication: keyspaces.map(|k| (k.to_owned(), replicas("3"))).into(),
            tables: tables::ALL
                .iter()
                .map(|table| {
                    let columns = table.columns.iter();
                    let live = LiveTable {
                        ttl_seconds: if table.retention == Retention::Trades {
                            30 * DAY_SECONDS
                        } else {
                            0
                        },
                        columns: columns
                            .map(|c| (c.name.to_owned(), c.cql_type.to_owned()))
                            .collect(),
                    };
                    (table.name.to_owned(), live)
                })
                .collect(),
        }
    }

    #[test]
    fn a_fresh_ring_gets_keyspace_then_tables() {
        let cql: Vec<_> = migrate(&wanted(), &LiveSchema::default())
            .statements
            .into_iter()
            .map(|(cql, _)| cql)
            .collect();
        assert_eq!(
            cql[0],
            "CREATE KEYSPACE IF NOT EXISTS \"crypto_ks\" WITH replication = \
             {'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        );
        assert_eq!(
            cql[3],
            "CREATE TABLE IF NOT EXISTS \"crypto_ks\".\"latest\" (\"exchange\" text, \"symbol\" text, \
             \"trade_id\" bigint, \"trade_time\" timestamp, \"price\" decimal, \"quantity\" decimal, \
             \"buyer_is_maker\" boolean, PRIMARY KEY ((\"exchange\"), \"symbol\")) \
             WITH CLUSTERING ORDER BY (\"symbol\" ASC)"
        );
        assert!(
            cql[1].contains(
                "PRIMARY KEY ((\"exchange\", \"symbol\", \"bucket\"), \"trade_time\", \"trade_id\")"
            )
        );
        assert!(cql[1].contains("ORDER BY (\"trade_time\" DESC, \"trade_id\" DESC)"));
        assert!(cql[1].ends_with("'compaction_window_size': '1'} AND default_time_to_live = 2592000"));
        assert_eq!(cql.len(), 1 + tables::ALL.len());
    }

    #[test]
    fn a_complete_schema_needs_nothing() {
        assert_eq!(migrate(&wanted(), &complete()), Migration::default());
    }

    #[test]
    fn system_keyspaces_are_raised_from_the_simple_strategy() {
        let mut live = complete();
        live.replication.insert(
            "system_auth".to_owned(),
            BTreeMap::from([("replication_factor".to_owned(), "1".to_owned())]),
        );
        let statements = migrate(&wanted(), &live).statements;
        assert_eq!(statements.len(), 1);
        assert!(statements[0].0.starts_with("ALTER KEYSPACE \"system_auth\""));
    }

    #[test]
    fn replication_and_retention_are_raised_and_never_lowered() {
        let mut low = complete();
        low.replication.insert("crypto_ks".to_owned(), replicas("1"));
        low.tables.get_mut("trades").unwrap().ttl_seconds = 60;
        let up = migrate(&wanted(), &low);
        let reasons: Vec<_> = up.statements.iter().map(|(_, finding)| finding.reason).collect();
        assert_eq!(reasons, ["ReplicationRaised", "RetentionRaised"]);

        let mut high = complete();
        high.replication.insert("crypto_ks".to_owned(), replicas("5"));
        high.tables.get_mut("trades").unwrap().ttl_seconds = 0;
        let kept = migrate(&wanted(), &high);
        assert_eq!(kept.statements, []);
        let reasons: Vec<_> = kept.differences.iter().map(|finding| finding.reason).collect();
        assert_eq!(reasons, ["ReplicationLarger", "RetentionSmaller"]);
    }

    #[test]
    fn a_missing_column_is_added_and_another_type_is_reported() {
        let mut live = complete();
        let trades = live.tables.get_mut("trades").unwrap();
        trades.columns.remove("src");
        trades.columns.insert("price".to_owned(), "double".to_owned());
        let migration = migrate(&wanted(), &live);
        assert_eq!(
            migration.statements[0].0,
            "ALTER TABLE \"crypto_ks\".\"trades\" ADD IF NOT EXISTS \"src\" text"
        );
        assert_eq!(migration.differences[0].reason, "ColumnTypeDiffers");
    }

    #[test]
    fn a_long_retention_widens_the_windows_instead_of_adding_to_them() {
        let years = SchemaWanted {
            trade_ttl_seconds: 730 * DAY_SECONDS,
            ..wanted()
        };
        assert!(create_table(&years, &tables::TRADES).contains("'compaction_window_size': '19'"));
    }
}
