"""Validates OCSF events, one JSON object a line on stdin, against the published schema of the version that each names.

Says on stdout how many events of each class there were; on stderr what is wrong with which line, and then ends with 1. Beyond JSON Schema it checks
what the framework says of an event in words: `type_uid`, the names beside the ids, and that only attributes that are no longer to be used are not.
"""

import json
import sys
from collections import Counter
from functools import cache

import jsonschema_rs
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

SIBLINGS = {"activity_id": "activity_name", "severity_id": "severity", "status_id": "status"}
OTHER = 99


@cache
def published(version):
    return get_ocsf_schema(version=version)


@cache
def validator(version, class_uid, profiles):
    schema = OcsfJsonSchemaEmbedded(published(version))
    name = schema.lookup_class_name_from_uid(class_uid)
    return name, jsonschema_rs.validator_for(schema.get_class_schema(name, list(profiles)))


def deprecated(version, attributes, value, path=""):
    """Attributes that the published schema wants no more of."""
    for key, inner in value.items():
        attribute = attributes.get(key, {})
        if "@deprecated" in attribute:
            yield f"{path}{key} is deprecated"
        kind = attribute.get("object_type")
        if kind and kind != "object":
            for item in inner if isinstance(inner, list) else [inner]:
                inside = published(version)["objects"][kind]["attributes"]
                yield from deprecated(version, inside, item, f"{path}{key}.")


def faults(event):
    version, uid = event["metadata"]["version"], event["class_uid"]
    name, schema = validator(version, uid, tuple(event["metadata"].get("profiles", ())))
    for error in schema.iter_errors(event):
        yield f"{'/'.join(map(str, error.instance_path))}: {error.message}"
    if event["type_uid"] != uid * 100 + event["activity_id"]:
        yield "type_uid is not class_uid * 100 + activity_id"
    if event["category_uid"] != uid // 1000:
        yield "category_uid is not that of the class"
    own = published(version)["classes"][name]
    if event["class_name"] != own["caption"]:
        yield f"class_name is not {own['caption']}"
    for number, word in SIBLINGS.items():
        known = own["attributes"][number]["enum"].get(str(event[number]))
        if event[number] != OTHER and known and event[word] != known["caption"]:
            yield f"{word} is not {known['caption']}"
    yield from deprecated(version, own["attributes"], event)


def main():
    counted, wrong = Counter(), 0
    for number, line in enumerate(sys.stdin, 1):
        event = json.loads(line)
        for fault in faults(event):
            wrong += 1
            code = event["metadata"].get("event_code")
            print(f"line {number}, {code}: {fault}", file=sys.stderr)
        counted[event["class_uid"]] += 1
    print(json.dumps(counted))
    sys.exit(1 if wrong or not counted else 0)


main()
