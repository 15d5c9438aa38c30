#!/usr/bin/env python3
"""Cuts the first minutes out of a recorded flow: extract.py ORDERS.csv.gz TRADES.csv MINUTES OUT_FOLDER

Rows are copied as they are. The orders that are open when the extract ends stay open."""
import csv, gzip, io, sys

orders_in, trades_in, minutes, out = sys.argv[1:]


def head(lines, end_of):
    rows = csv.reader(lines)
    yield next(rows)
    for row in rows:
        if int(row[0]) >= end_of(int(row[0])):
            return
        yield row


def minutes_after(first=[]):
    def end_of(time_ms):
        first.append(time_ms)
        return first[0] + int(minutes) * 60_000

    return end_of


end_of = minutes_after()
text = io.StringIO()
csv.writer(text, lineterminator="\n").writerows(head(gzip.open(orders_in, "rt"), end_of))
# No name and no time in the archive: the same input gives the same bytes.
with open(f"{out}/btcusd-orders.csv.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
    packed.write(text.getvalue().encode())
with open(f"{out}/btcusd-trades.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows(head(open(trades_in), end_of))
