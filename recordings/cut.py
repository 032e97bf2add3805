#!/usr/bin/env python3
"""Cuts a small recording out of a large one: every n-th agent, points at most 4 s apart.

    python3 recordings/cut.py flights.csv.gz recordings/flights-sample.csv.gz

Rows are kept as they are; none is made up. The same input gives the same bytes.
"""

import csv
import gzip
import io
import sys

KEEP_EVERY_NTH_AGENT = 4
# Interpolation bridges gaps of up to 5 s, so that thinning must stay below that.
SPACING_MS_MAX = 4_000


def thinned(rows):
    """The first and the last row, and between them as few as the spacing allows."""
    kept = rows[:1]
    for row, following in zip(rows[1:], rows[2:] + [None]):
        last_ms = int(kept[-1]["t_ms"])
        if following is None or int(following["t_ms"]) - last_ms > SPACING_MS_MAX:
            kept.append(row)
    return kept


def main(source, target):
    with gzip.open(source, "rt", encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        columns = reader.fieldnames
        rows_by_agent = {}
        for row in reader:
            rows_by_agent.setdefault(row["agent_id"], []).append(row)

    chosen = list(rows_by_agent.values())[::KEEP_EVERY_NTH_AGENT]
    rows = [row for agent_rows in chosen for row in thinned(agent_rows)]
    # The sort is stable: agents keep their order within an instant.
    rows.sort(key=lambda row: int(row["t_ms"]))

    # No name and no time in the gzip header, so that the bytes depend on the rows alone.
    with open(target, "wb") as file, gzip.GzipFile(
        filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0
    ) as packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(chosen)} agents, {len(rows)} rows", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
