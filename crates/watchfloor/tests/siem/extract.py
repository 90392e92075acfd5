"""Cuts out of OCSF 1.8.0 what our messages use: every attribute of two classes and of the objects
that they reach through attributes that we write. Names, types, requirements, numbers of enums,
constraints; no prose.

    pip install ocsf-json-schema==1.2.0     # MIT; carries the schema (Apache-2.0) as compiled by ocsf-schema-compiler
    python extract.py > ocsf-1.8.0.json
"""

import json
from importlib.resources import files

SCHEMA = json.loads((files("ocsf_json_schema") / "ocsf" / "1.8.0.json").read_text())
CLASSES = ["detection_finding", "incident_finding"]
OBJECTS = [
    "metadata", "product", "finding_info", "analytic", "attack", "technique", "sub_technique", "tactic",
    "key_value_object", "related_event", "evidences", "observable", "resource_details", "user", "group", "ticket",
]


def attribute(a):
    out = {"type": a["type"], "requirement": a.get("requirement", "optional")}
    if a.get("is_array"):
        out["array"] = True
    if "object_type" in a:
        out["object"] = a["object_type"]
    if "enum" in a:
        out["enum"] = sorted(int(k) for k in a["enum"])
        if a.get("sibling"):
            out["sibling"] = a["sibling"]
            out["captions"] = {k: v["caption"] for k, v in a["enum"].items()}
    if a.get("profiles"):
        out["profiles"] = a["profiles"]
    return out


def item(i):
    out = {"attributes": {n: attribute(a) for n, a in sorted(i["attributes"].items())}}
    if "uid" in i:
        out["uid"] = i["uid"]
        out["category_uid"] = i["category_uid"]
    if i.get("constraints"):
        out["constraints"] = i["constraints"]
    return out


print(json.dumps({
    "version": SCHEMA["version"],
    "classes": {n: item(SCHEMA["classes"][n]) for n in CLASSES},
    "objects": {n: item(SCHEMA["objects"][n]) for n in OBJECTS},
}, separators=(",", ":"), sort_keys=True))
