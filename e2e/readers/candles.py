"""Compares the table `candles` with candles computed from the topic's records, and prints one line of JSON: what was compared.

    candles.py INTERVALS SYMBOL...       INTERVALS as in the spec, with commas: 1s,1m,1h

The computation is that of expected.py: it needs every trade of the symbols and knows nothing of the workers.
"""

import datetime
import json
import sys
import time
from decimal import Decimal, getcontext

import expected
import yaml
from read import CONFIG, keyspace, records

# Seconds that the table may trail the topic.
CATCH_UP = 300
PAUSE = 2
# Of those that differ, so many are told.
TOLD = 5
FIGURES = expected.FIELDS.split()[2:]
EPOCH = datetime.datetime(1970, 1, 1)
MS = datetime.timedelta(milliseconds=1)


def topic(config, symbols):
    """The record values of each symbol by trade id, and how many records were copies or came after a higher id."""
    values = {symbol: {} for symbol in symbols}
    highest = dict.fromkeys(symbols, 0)
    facts = {"records": 0, "copies": 0, "late": 0}
    for record in records(config, config["kafka"]["topic"]):
        symbol = (record.key or b"").decode(errors="replace")
        if symbol not in values:
            continue
        trade_id = json.loads(record.value)["t"]
        facts["records"] += 1
        if trade_id in values[symbol]:
            facts["copies"] += 1
        elif trade_id < highest[symbol]:
            facts["late"] += 1
        values[symbol][trade_id] = record.value
        highest[symbol] = max(highest[symbol], trade_id)
    return values, facts


def compute(values, intervals):
    """The candles of one symbol by interval and opening time. Empties `values`: there may be a million."""
    trades = [json.loads(values.pop(trade_id)) for trade_id in sorted(values)]
    expected.check(trades)
    candles = (candle for interval in intervals for candle in expected.candles(trades, interval))
    return {(candle[0], candle[1]): numbers(candle[2:]) for candle in candles}


def numbers(fields):
    """Text as numbers; the last field says whether the candle is final."""
    *figures, final = fields
    return (*(Decimal(figure) for figure in figures), final in (True, "true"))


def stored(session, symbol, keys):
    """The table's candles of the days on which the expected ones lie."""
    query = (
        f"SELECT open_time, {', '.join(FIGURES)} FROM candles"
        " WHERE exchange = 'binance' AND symbol = %s AND interval = %s AND day = %s"
    )
    found = {}
    for interval, day in {(interval, (EPOCH + open_ms * MS).date()) for interval, open_ms in keys}:
        for open_time, *figures in session.execute(query, (symbol, interval, day)):
            found[interval, (open_time - EPOCH) // MS] = numbers(figures)
    return found


def differences(session, symbol, wanted):
    found = stored(session, symbol, wanted)
    differing = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    return [f"{symbol} {key}: computed {wanted.get(key)}, stored {found.get(key)}" for key in differing]


def main():
    getcontext().prec = 60
    with open(CONFIG, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    intervals, symbols = sys.argv[1].split(","), sys.argv[2:]
    values, facts = topic(config, symbols)
    facts |= {"candles": dict.fromkeys(intervals, 0), "final": dict.fromkeys(intervals, 0)}
    began = time.monotonic()
    with keyspace(config) as session:
        for symbol in symbols:
            wanted = compute(values.pop(symbol), intervals)
            while differing := differences(session, symbol, wanted):
                if time.monotonic() > began + CATCH_UP:
                    sys.exit("\n".join([f"{len(differing)} candles differ", *differing[:TOLD]]))
                time.sleep(PAUSE)
            for (interval, _), candle in wanted.items():
                facts["candles"][interval] += 1
                facts["final"][interval] += candle[-1]
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
