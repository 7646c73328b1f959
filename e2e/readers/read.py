"""Reads what the pipeline wrote, with clients that share no code with it, and prints one JSON value or text per line.

    read.py topic SYMBOL            record values of the topic, as they are, in the order of trade ids
    read.py late SYMBOL             trade ids of the topic that come after one that was read later, at most 20
    read.py table SYMBOL            rows of the Cassandra table `trades`
    read.py gaps                    rows of the Cassandra table `gaps`
    read.py files SYMBOL            rows of the Parquet files, read by DuckDB with the folders as partition columns
    read.py questions               the queries of docs/querying.md, and what they answer
    read.py dead-letters            records of the dead-letter topic
    read.py produce KEY VALUE       writes one record to the topic
    read.py broker-config NAME      the value of a setting at each broker
    read.py backdate HOURS          makes every file of the archive look older, for what waits until it is

Where things are is read from the auditor's configuration.
"""

import contextlib
import datetime
import decimal
import json
import os
import re
import sys

import yaml
from webhdfs import Archive

CONFIG = "/etc/cryptopipeline/config.yaml"
GUIDE = "/opt/readers/querying.md"
# During a hand-over two connections are read, each by a task that may be held up before its trade is in the queue. So what changes
# places within a tenth of a second goes unseen; a batch or a spool that is overtaken holds more.
AT_ONCE_US = 100_000
EIGHT_PLACES = decimal.Decimal("0.00000001")


def trade(trade_id, price, quantity, time_us, event_time_us, buyer_is_maker):
    """The form in which the test compares trades of every store. Refuses what the exchange cannot have sent."""
    for number in (price, quantity):
        if number != number.quantize(EIGHT_PLACES):
            raise ValueError(f"{number} has more than eight decimals")
    for time in (time_us, event_time_us):
        if time % 1000:
            raise ValueError(f"{time} is no whole millisecond")
    return json.dumps({
        "t": trade_id,
        "p": f"{price:.8f}",
        "q": f"{quantity:.8f}",
        "T": time_us // 1000,
        "E": event_time_us // 1000,
        "m": buyer_is_maker,
    })


def records(config, topic):
    """Every record of a topic, partition by partition."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=config["kafka"]["bootstrap"].split(","), enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    unread = {partition for partition in partitions if begins[partition] < ends[partition]}
    while unread:
        batches = consumer.poll(timeout_ms=30_000)
        if not batches:
            raise TimeoutError(f"no record of {unread} within 30 s")
        for partition, batch in batches.items():
            yield from batch
            # The writers use no transactions, so the last record is the one before the end.
            if batch[-1].offset + 1 >= ends[partition]:
                unread.discard(partition)
    consumer.close()


def topic(config, symbol):
    found = [r for r in records(config, config["kafka"]["topic"]) if r.key == symbol.encode()]
    for record in sorted(found, key=lambda record: json.loads(record.value)["t"]):
        yield record.value.decode()


def late(config, symbol):
    newest = 0
    found = []
    for record in records(config, config["kafka"]["topic"]):
        if record.key == symbol.encode():
            read_us = int(dict(record.headers)["recv_us"])
            if read_us + AT_ONCE_US < newest:
                found.append(str(json.loads(record.value)["t"]))
            newest = max(newest, read_us)
    return found[:20]


@contextlib.contextmanager
def keyspace(config):
    """A session of the pipeline's keyspace."""
    from cassandra.cluster import Cluster

    contacts = [contact.rsplit(":", 1) for contact in config["cassandra"]["contactPoints"]]
    cluster = Cluster([host for host, _ in contacts], port=int(contacts[0][1]))
    session = cluster.connect(config["cassandra"]["keyspace"])
    session.default_fetch_size = 500
    yield session
    cluster.shutdown()


def gaps(config):
    with keyspace(config) as session:
        for row in session.execute("SELECT * FROM gaps"):
            fields = ("symbol", "from_id", "to_id", "cause", "state", "missing_ids", "duration_ms")
            yield json.dumps({field: getattr(row, field) for field in fields})


def table(config, symbol):
    query = (
        "SELECT trade_id, price, quantity, trade_time, event_time, buyer_is_maker FROM trades"
        " WHERE exchange = 'binance' AND symbol = %s AND bucket = %s"
    )
    with keyspace(config) as session:
        buckets = session.execute("SELECT DISTINCT exchange, symbol, bucket FROM trades")
        rows = [
            row
            for bucket in buckets
            if bucket.symbol == symbol
            for row in session.execute(query, (symbol, bucket.bucket))
        ]
    for row in sorted(rows, key=lambda row: row.trade_id):
        yield trade(
            row.trade_id, row.price, row.quantity, micros(row.trade_time), micros(row.event_time), row.buyer_is_maker
        )


def micros(time):
    since = time.replace(tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


def archive(config):
    """A database over a copy of the archive."""
    import duckdb

    download(config["hdfs"], "/tmp/archive")
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    return database


def questions(config):
    database = archive(config)
    database.execute(
        "CREATE VIEW trades AS SELECT * FROM read_parquet('/tmp/archive/*/*/*.parquet', hive_partitioning = true)"
    )

    def by_duckdb(query):
        result = database.execute(query)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]

    with open(GUIDE, encoding="utf-8") as file:
        blocks = re.findall(r"^```(cql|sql)$(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
    with keyspace(config) as session:
        for language, query in blocks:
            rows = [row._asdict() for row in session.execute(query)] if language == "cql" else by_duckdb(query)
            rows = [{name: str(value) for name, value in row.items()} for row in rows]
            yield json.dumps({"query": query.strip(), "rows": rows})


def files(config, symbol):
    database = archive(config)
    types = database.execute(
        "SELECT DISTINCT typeof(price), typeof(quantity) FROM read_parquet('/tmp/archive/*/*/*.parquet')"
    ).fetchall()
    if types != [("DECIMAL(18,8)", "DECIMAL(20,8)")]:
        raise ValueError(f"prices and quantities are of types {types}")
    misplaced = database.execute(
        "SELECT count(*) FROM read_parquet('/tmp/archive/*/*/*.parquet', hive_partitioning = true)"
        " WHERE CAST(dt AS VARCHAR) <> strftime(trade_time, '%Y-%m-%d')"
        " OR CAST(hour AS INTEGER) <> CAST(strftime(trade_time, '%H') AS INTEGER)"
    ).fetchone()
    if misplaced != (0,):
        raise ValueError(f"{misplaced[0]} rows lie in the folder of another hour")
    rows = database.execute(
        "SELECT trade_id, price, quantity, epoch_us(trade_time), epoch_us(event_time), buyer_is_maker"
        " FROM read_parquet('/tmp/archive/*/*/*.parquet', hive_partitioning = true)"
        " WHERE symbol = ? ORDER BY trade_id",
        [symbol],
    ).fetchall()
    for row in rows:
        yield trade(*row)


def download(hdfs, target):
    """Copies the archive's partition folders."""
    archive = Archive(hdfs)
    for path, _ in archive.files():
        os.makedirs(os.path.dirname(target + path), exist_ok=True)
        with open(target + path, "wb") as file:
            file.write(archive.read(path))


def dead_letters(config):
    for record in records(config, config["kafka"]["deadLetterTopic"]):
        if record.value is None:
            continue  # The note that a letter was put back.
        headers = {key: value.decode(errors="replace") for key, value in record.headers}
        yield json.dumps({"value": record.value.decode(errors="replace"), "headers": headers})


def produce(config, key, value):
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=config["kafka"]["bootstrap"].split(","), acks="all")
    written = producer.send(config["kafka"]["topic"], key=key.encode(), value=value.encode()).get(timeout=30)
    producer.close()
    yield json.dumps({"partition": written.partition, "offset": written.offset})


def broker_config(config, name):
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(bootstrap_servers=config["kafka"]["bootstrap"].split(","))
    for broker in admin.describe_cluster()["brokers"]:
        resource = ConfigResource(ConfigResourceType.BROKER, str(broker["node_id"]))
        for answer in admin.describe_configs([resource]):
            for _error, _message, _type, _broker, entries in answer.resources:
                yield from (entry[1] for entry in entries if entry[0] == name)
    admin.close()


def backdate(config, hours):
    archive = Archive(config["hdfs"])
    for path, (_length, changed) in archive.files():
        archive.set_changed(path, changed - int(hours) * 3_600_000)
        yield path


COMMANDS = {
    "topic": topic,
    "late": late,
    "table": table,
    "gaps": gaps,
    "files": files,
    "questions": questions,
    "dead-letters": dead_letters,
    "produce": produce,
    "broker-config": broker_config,
    "backdate": backdate,
}


def main():
    with open(CONFIG, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    for line in COMMANDS[sys.argv[1]](config, *sys.argv[2:]):
        print(line)


if __name__ == "__main__":
    main()
