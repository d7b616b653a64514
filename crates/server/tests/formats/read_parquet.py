"""Prints the types of a Parquet export as DuckDB sees them, then its events as JSON lines, as the API shows them."""

import json
import sys

import duckdb

LISTS = {"actor.groups": ["id", "name"], "on_behalf_of": ["type", "id", "name"], "target": ["type", "id", "name"]}
TIMES = {"recorded_at": "%Y-%m-%dT%H:%M:%S.%g", "occurred_at": "%Y-%m-%dT%H:%M:%S.%g"}

db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
source = db.read_parquet(sys.argv[1])
print(json.dumps(dict(zip(source.columns, map(str, source.types)))))
times = ", ".join(f"strftime({name}, '{form}') || 'Z' AS {name}" for name, form in TIMES.items())
rows = source.project(f"* REPLACE ({times})")
for values in rows.fetchall():
    row = dict(zip(rows.columns, values))
    row["occurred_at"] = row.pop("occurred_at_text") or row["occurred_at"]
    event = {}
    for name in ["changes", "meta"]:
        if (text := row.pop(name)) is not None:
            event[name] = json.loads(text)
    for name, keys in LISTS.items():
        columns = [row.pop(f"{name}.{key}") for key in keys]
        row[name] = [{k: v for k, v in zip(keys, item) if v is not None} for item in zip(*columns, strict=True)]
    row["targets"] = row.pop("target")
    for name, value in row.items():
        if value is None or value == []:
            continue
        place = event
        *parents, last = name.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    print(json.dumps(event))
