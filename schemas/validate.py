#!/usr/bin/env python3
"""Check events that homeostat wrote against their JSON Schemas, independently of its code.

  validate.py DIR...      DIR holds JSON lines, a file an event type, as the file sink and `--out` write them

Needs the package jsonschema (4.18 or later). Exit status 1 if a line does not fit.
"""
import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def main(folders):
    schemas = [json.loads(p.read_text()) for p in sorted((pathlib.Path(__file__).parent / "json").glob("*.json"))]
    registry = Registry().with_resources([(s["$id"], Resource.from_contents(s)) for s in schemas])
    for s in schemas:
        Draft202012Validator.check_schema(s)
    line_schema = next(s for s in schemas if s["$id"].endswith("/event.v1.json"))
    validator = Draft202012Validator(line_schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    passed = failed = 0
    for folder in folders:
        for path in sorted(pathlib.Path(folder).glob("*.v1.jsonl")):
            for number, text in enumerate(path.read_text().splitlines(), 1):
                errors = list(validator.iter_errors(json.loads(text)))
                passed, failed = passed + (not errors), failed + bool(errors)
                for e in errors:
                    print(f"{path.name}:{number}: {e.json_path}: {e.message[:200]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
