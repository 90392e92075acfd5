"""Validates OCSF events, one JSON object a line, against the JSON Schema that ocsf-json-schema makes of OCSF 1.8.0.

Exit status 77: the packages are not there (`pip install ocsf-json-schema==1.2.0 jsonschema`).
"""

import json
import sys

try:
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
except ImportError as error:
    print(f"{error}", file=sys.stderr)
    sys.exit(77)

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0"))
wrong, count = [], 0
validators = {}
for line in open(sys.argv[1]):
    event = json.loads(line)
    count += 1
    key = (event["class_uid"], tuple(event["metadata"].get("profiles", [])))
    if key not in validators:
        definition = schema.get_class_schema(schema.lookup_class_name_from_uid(key[0]), list(key[1]))
        Draft202012Validator.check_schema(definition)
        validators[key] = Draft202012Validator(definition)
    for error in validators[key].iter_errors(event):
        wrong.append(f"event {count}: {'/'.join(map(str, error.path))}: {error.message[:300]}")
print("\n".join(wrong) or f"{count} events are valid", file=sys.stderr)
sys.exit(1 if wrong else 0)
