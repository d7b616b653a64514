"""Prints the records of a CEF export as JSON lines, after holding their keys against a dictionary."""

import json
import re
import sys

from cefevent.extensions import extension_dictionary
from cefp import CEFParser

# The one key of ours that this dictionary lacks; that of the format has it, as `eventOutcome`.
extension_dictionary["outcome"] = {"length": 63, "data_type": ["String"]}

with open(sys.argv[1], newline="", encoding="utf-8") as file:
    lines = file.read().split("\n")
assert lines.pop() == "", "the last line has no end"
for line in lines:
    assert line.splitlines() == [line], line
    record = CEFParser.parse(line)
    raw = CEFParser.split(line)[7]
    keys = re.findall(r"(?:^| )([A-Za-z0-9]+)=", raw)
    assert len(keys) == len(set(keys)) == len(record["extension"]), keys
    for key, value in record["extension"].items():
        known = extension_dictionary[key]
        assert known["length"] == 0 or len(value.encode()) <= known["length"], (key, len(value))
        if known["data_type"] != ["String"]:
            assert re.fullmatch(r"[0-9a-f.:]+", value), (key, value)
    print(json.dumps(record))
