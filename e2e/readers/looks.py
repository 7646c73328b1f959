"""Looks at the archive again and again, as a reader who knows nothing of its writers, while it is being written.

    looks.py LEDGER SYMBOL...

Each look lists the folders, copies the files that are new, and has DuckDB read all of them: no trade may be in them twice, and no
file seen before may be gone or changed. A listing takes its time, but files only come: what it names is visible together at its
end. One line of JSON tells what a look found. The looks end well when the series of these symbols are at their end by the
exchange's LEDGER (a URL) and every trade that it issued is there.
"""

import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request

import duckdb
import yaml
from read import CONFIG
from webhdfs import Archive

FOLDER = "/tmp/archive"
READ = f"read_parquet('{FOLDER}/*/*/*.parquet', hive_partitioning = true, filename = true)"
PAUSE = 1
# Seconds from the end of the series to the last trade in a visible file.
CATCH_UP = 300


class Wrong(Exception):
    """What a reader must never see."""


def copy_new(archive, known):
    """Copies the files that are new and adds them to `known`, those copied before."""
    listed = dict(archive.files())
    for path, facts in known.items():
        if listed.get(path) != facts:
            raise Wrong(f"{path} was {facts} and is {listed.get(path)}")
    for path in sorted(listed.keys() - known.keys()):
        try:
            data = archive.read(path)
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.NOT_FOUND:
                raise Wrong(f"{path} was listed and is not there") from error
            raise
        if len(data) != listed[path][0]:
            raise Wrong(f"{path} was listed with {listed[path]}, {len(data)} bytes were read")
        os.makedirs(os.path.dirname(FOLDER + path), exist_ok=True)
        with open(FOLDER + path, "wb") as file:
            file.write(data)
        known[path] = listed[path]


def count(symbols):
    """Rows, first and last id of each of the symbols, after a count of the ids of all symbols."""
    database = duckdb.connect()
    # The archive may hold millions of trades from before; the container has 2 GiB and can write to /tmp alone.
    database.execute("SET memory_limit = '1GB'")
    database.execute("SET temp_directory = '/tmp/duckdb'")
    found = database.execute(
        "SELECT symbol, count(*), count(DISTINCT trade_id), min(trade_id), max(trade_id)"
        f" FROM {READ} GROUP BY exchange, symbol"
    ).fetchall()
    for symbol, rows, ids, _, _ in found:
        if rows != ids:
            twice = database.execute(
                f"SELECT trade_id, list(filename) FROM {READ} WHERE symbol = ? GROUP BY exchange, trade_id"
                " HAVING count(*) > 1 ORDER BY trade_id LIMIT 5",
                [symbol],
            ).fetchall()
            raise Wrong(f"{symbol}: {rows} rows of {ids} trades, among them {twice}")
    return {symbol: (rows, first, last) for symbol, rows, _, first, last in found if symbol in symbols}


def ledger(url, symbols):
    """What the exchange issued: trades, first and last id; and whether that is all."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        pages = json.load(answer)["symbols"]
    issued = {symbol: (pages[symbol]["issued"], pages[symbol]["first_id"], pages[symbol]["last_id"]) for symbol in symbols}
    return issued, all(pages[symbol]["finished"] for symbol in symbols)


def look(config, url, symbols, known):
    """One look: what it found, and what the exchange had issued before it."""
    issued, finished = ledger(url, symbols)
    copy_new(Archive(config["hdfs"]), known)
    return (count(symbols) if known else {}), issued, finished


def main():
    with open(CONFIG, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    url, *symbols = sys.argv[1:]
    began, known, ended = time.monotonic(), {}, None
    for number in range(1, sys.maxsize):
        try:
            found, issued, finished = look(config, url, symbols, known)
        except (OSError, http.client.HTTPException) as error:
            # Nobody answers, or a NameNode that is no longer active.
            print(json.dumps({"look": number, "unanswered": repr(error)}), flush=True)
            time.sleep(PAUSE)
            continue
        there, all_issued = (sum(rows for rows, _, _ in place.values()) for place in (found, issued))
        seconds = round(time.monotonic() - began)
        told = {"look": number, "second": seconds, "files": len(known), "trades": there, "issued": all_issued}
        print(json.dumps(told), flush=True)
        if finished and found == issued:
            return
        if finished:
            ended = ended or time.monotonic()
            if time.monotonic() > ended + CATCH_UP:
                raise Wrong(f"the archive holds {found} of {issued}")
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
