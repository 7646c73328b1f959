"""Reads the archive with Spark, pyarrow and DuckDB, and fails where they disagree; prints a line for each thing they agree on.

    spark.py        with the auditor's configuration, where the cluster's names can be resolved

Spark reads from HDFS with the settings of docs/querying.md, the others from a copy made over WebHDFS. Nobody may be writing.
"""

import glob
import math
import os
import re
import sys

import duckdb
import pyarrow
import pyarrow.dataset
import yaml
from pyspark.sql import SparkSession
from read import CONFIG, GUIDE, download

FOLDER = "/tmp/archive"
TYPES = {
    "int64": "bigint", "int32": "int", "bool": "boolean", "string": "string", "timestamp[us, tz=UTC]": "timestamp",
    "decimal128(18, 8)": "decimal(18,8)", "decimal128(20, 8)": "decimal(20,8)",
    "BIGINT": "bigint", "INTEGER": "int", "BOOLEAN": "boolean", "VARCHAR": "string", "TIMESTAMP WITH TIME ZONE": "timestamp",
    "DECIMAL(18,8)": "decimal(18,8)", "DECIMAL(20,8)": "decimal(20,8)",
}
KEYS = ["exchange", "symbol", "src", "kafka_partition", "dt", "hour"]
FIGURES = [
    ("trade_id", "count"), ("trade_id", "sum"), ("price", "sum"), ("quantity", "sum"), ("buyer_is_maker", "sum"),
    ("kafka_offset", "sum"), ("trade_time", "min"), ("event_time", "max"), ("recv_time", "max"),
]


def figures_as_sql():
    """Rows and sums of every folder, symbol, source and partition."""
    keys = ", ".join(f"CAST({key} AS INT)" if key == "hour" else f"CAST({key} AS STRING)" for key in KEYS)
    whole = {"buyer_is_maker": "CAST(buyer_is_maker AS INT)"}
    figures = ", ".join(f"{figure}({whole.get(column, column)})" for column, figure in FIGURES)
    return f"SELECT {keys}, {figures} FROM trades GROUP BY {', '.join(KEYS)}"


def by_pyarrow(files):
    table = files.to_table()
    texts = [field.name for field in table.schema if pyarrow.types.is_dictionary(field.type)]
    for name in texts:
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pyarrow.string()))
    sums = table.group_by(KEYS).aggregate(FIGURES)
    rows = sums.select([*KEYS, *(f"{column}_{figure}" for column, figure in FIGURES)]).to_pylist()
    whole = ("hour",)
    return [tuple(value if key in whole or key not in KEYS else text(value) for key, value in row.items()) for row in rows]


def text(value):
    return None if value is None else str(value)


def plain(value):
    """Spark's times are in the zone of the machine, here UTC, and do not say so."""
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value


def rows_of(rows):
    return sorted((tuple(plain(value) for value in row) for row in rows), key=repr)


def alike(one, other):
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other


def same(what, **answers):
    """Fails unless all answers, lists of rows, are alike."""
    (name, first), *others = answers.items()
    for other, rows in others:
        if len(rows) != len(first):
            sys.exit(f"{what}: {len(first)} rows by {name}, {len(rows)} by {other}")
        for one, another in zip(first, rows):
            if not all(alike(a, b) for a, b in zip(one, another, strict=True)):
                sys.exit(f"{what}: {one} by {name}, {another} by {other}")
    print(f"{what}: {len(first)} rows alike by {', '.join(answers)}")


def session(config, guide):
    """Spark with the guide's settings for this pipeline, and as little of the machine as it takes."""
    namespace = next(iter(config["nameNodes"].values())).split(".")[2]
    builder = SparkSession.builder.master("local[2]")
    for name, value in re.findall(r"^ +(spark\.hadoop\.\S+) +(\S+)$", guide, re.MULTILINE):
        builder = builder.config(name, value.replace("NAMESPACE", namespace))
    here = {
        "spark.driver.memory": "1g", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "2",
        # The plan as it is run, and not as it might become.
        "spark.sql.adaptive.enabled": "false",
    }
    for name, value in here.items():
        builder = builder.config(name, value)
    os.environ["HADOOP_USER_NAME"] = config["user"]
    return builder.getOrCreate()


def pruned(trades, database):
    """Conditions on the folders' columns are conditions on the files that are read."""
    folders = sorted(glob.glob(f"{FOLDER}/dt=*/hour=*"))
    if len(folders) < 2:
        sys.exit(f"nothing can be left out of {folders}")
    total = len(glob.glob(f"{FOLDER}/*/*/*.parquet"))
    for folder in folders:
        day, hour = re.search(r"dt=(.*)/hour=(.*)$", folder).groups()
        counted = trades.where(f"dt = '{day}' AND hour = {int(hour)}").groupBy().count()
        plan = counted._jdf.queryExecution().executedPlan()
        filters = re.search(r"PartitionFilters: \[(.*?)\], PushedFilters", plan.toString())
        if not filters or not re.search(r"dt#\d+ = ", filters[1]) or not re.search(r"hour#\d+ = ", filters[1]):
            sys.exit(f"no filters of partitions in {plan.toString()}")
        rows = plan.executeCollectPublic()[0].getLong(0)
        read = plan.collectLeaves().head().metrics().apply("numFiles").value()
        there = len(os.listdir(folder))
        expected = database.execute(f"SELECT count(*) FROM read_parquet('{folder}/*.parquet')").fetchone()[0]
        if (read, rows) != (there, expected):
            sys.exit(f"{folder}: {rows} rows of {read} files were read, there are {expected} in {there}")
        print(f"dt={day}/hour={hour}: Spark read {read} of {total} files, {rows} rows, by [{filters[1]}]")


def main():
    with open(CONFIG, encoding="utf-8") as file:
        config = yaml.safe_load(file)["hdfs"]
    with open(GUIDE, encoding="utf-8") as file:
        guide = file.read()
    download(config, FOLDER)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    # To DuckDB alone the hour is a text, such as 00, unless it is told otherwise.
    database.execute(
        "CREATE VIEW trades AS SELECT * FROM"
        f" read_parquet('{FOLDER}/*/*/*.parquet', hive_partitioning = true, hive_types = {{'dt': DATE, 'hour': INTEGER}})"
    )
    files = pyarrow.dataset.dataset(FOLDER, partitioning="hive")
    spark = session(config, guide)
    trades = spark.read.parquet(f"hdfs://{config['nameService']}{config['archivePath']}")
    trades.createOrReplaceTempView("trades")

    folders = ("dt", "hour")
    described = database.execute("DESCRIBE trades").fetchall()
    same(
        "types",
        spark=[pair for pair in trades.dtypes if pair[0] not in folders],
        pyarrow=[(f.name, TYPES[str(getattr(f.type, "value_type", f.type))]) for f in files.schema if f.name not in folders],
        duckdb=[(column[0], TYPES[column[1]]) for column in described if column[0] not in folders],
    )
    sums = figures_as_sql()
    by_spark = rows_of(spark.sql(sums).collect())
    same(
        f"sums over {sum(row[len(KEYS)] for row in by_spark)} trades",
        spark=by_spark,
        pyarrow=rows_of(by_pyarrow(files)),
        duckdb=rows_of(database.execute(sums).fetchall()),
    )
    for query in re.findall(r"^```sql$(.*?)^```$", guide, re.DOTALL | re.MULTILINE):
        answers = {"spark": spark.sql(query).collect(), "duckdb": database.execute(query).fetchall()}
        same(" ".join(query.split()[:8]) + " …", **{name: rows_of(rows) for name, rows in answers.items()})
    pruned(trades, database)


if __name__ == "__main__":
    main()
