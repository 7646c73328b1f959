#!/usr/bin/env python3
"""Computes the candles of the recorded trades, for the workers' tests and the readers; shares no code with the workers.

    e2e/candles/expected.py e2e/exchange-sim/data/BTCUSDT-trades-2021-01-08.jsonl.gz > e2e/candles/expected.csv

A candle is final if it is followed by a trade and the ids around it are there. The recording has no holes, so those are
all but the first, before which there may have been trades, and the last.
"""

import csv
import gzip
import itertools
import json
import sys
from decimal import ROUND_HALF_EVEN, Decimal, getcontext

SECONDS = {"1s": 1, "5s": 5, "1m": 60, "1h": 3_600, "1d": 86_400}
FIELDS = "interval open_time_ms open high low close volume quote_volume taker_buy_volume trades first_id last_id vwap final"


def candles(trades, name):
    length = SECONDS[name] * 1_000
    groups = [(start, list(group)) for start, group in itertools.groupby(trades, key=lambda t: t["T"] // length * length)]
    for number, (start, group) in enumerate(groups):
        prices = [Decimal(trade["p"]) for trade in group]
        quantities = [Decimal(trade["q"]) for trade in group]
        volume = sum(quantities)
        quote = sum(price * quantity for price, quantity in zip(prices, quantities))
        taker_buy = sum((Decimal(trade["q"]) for trade in group if not trade["m"]), Decimal(0))
        vwap = (quote / volume).quantize(Decimal("1e-16"), ROUND_HALF_EVEN)
        yield [
            name,
            start,
            *(f"{price:.8f}" for price in (prices[0], max(prices), min(prices), prices[-1])),
            f"{volume:.8f}",
            f"{quote:.16f}",
            f"{taker_buy:.8f}",
            len(group),
            group[0]["t"],
            group[-1]["t"],
            f"{vwap:.16f}",
            str(0 < number < len(groups) - 1).lower(),
        ]


def check(trades):
    """Trades in the order of their ids must be all that there were, in the order of their times."""
    ids = [trade["t"] for trade in trades]
    assert ids == list(range(ids[0], ids[-1] + 1)), "there are holes or copies"
    assert all(a["T"] <= b["T"] for a, b in zip(trades, trades[1:])), "times go back"


def main():
    getcontext().prec = 60
    with gzip.open(sys.argv[1], "rt") as lines:
        trades = sorted((json.loads(line) for line in lines), key=lambda trade: trade["t"])
    check(trades)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(FIELDS.split())
    for name in SECONDS:
        out.writerows(candles(trades, name))


if __name__ == "__main__":
    main()
