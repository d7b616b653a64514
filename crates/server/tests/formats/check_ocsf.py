"""Holds the events of an OCSF export against the schema, and prints for each its class and what is wrong with it."""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))
validators = {}
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for line in file:
        event = json.loads(line)
        number = event["class_uid"]
        if number not in validators:
            name = schema.lookup_class_name_from_uid(number)
            validators[number] = Draft202012Validator(schema.get_class_schema(name))
        errors = [f"{error.json_path}: {error.message}" for error in validators[number].iter_errors(event)]
        print(json.dumps({"class": number, "activity": event["activity_id"], "errors": errors}))
