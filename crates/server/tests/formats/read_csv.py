"""Prints the events of a CSV export as JSON lines, as the API shows them."""

import csv
import json
import sys

JSON = ["actor.groups", "on_behalf_of", "targets", "changes", "meta"]

csv.field_size_limit(10_000_000)
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    reader = csv.reader(file, strict=True)
    names = next(reader)
    for row in reader:
        assert len(row) == len(names), row
        event = {}
        for name, text in zip(names, row):
            if text == "":
                continue
            # The rule of docs/formats.md: what begins with an apostrophe had one put before it.
            text = text.removeprefix("'")
            value = json.loads(text) if name in JSON else int(text) if name == "sequence" else text
            place = event
            *parents, last = name.split(".")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        print(json.dumps(event))
