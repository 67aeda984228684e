#!/usr/bin/env python3
"""Packs JSON-Schema-Test-Suite's draft 2020-12 into json_schema_suite.json.

    make_json_schema_suite.py CHECKOUT COMMIT > json_schema_suite.json

CHECKOUT is https://github.com/json-schema-org/JSON-Schema-Test-Suite at COMMIT. Its licence (MIT) is stored beside
the output as json_schema_suite.LICENSE. One line per group, so that a diff of two versions can be read.
"""
import json
import pathlib
import sys


def main(checkout, commit):
    root = pathlib.Path(checkout) / "tests" / "draft2020-12"
    lines = []
    for path in sorted(root.rglob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            tests = [[t["description"], t["data"], t["valid"]] for t in group["tests"]]
            lines.append(json.dumps({"file": str(path.relative_to(root).with_suffix("")), "group": group["description"],
                                     "schema": group["schema"], "tests": tests}, separators=(",", ":")))
    print('{"commit":%s,"groups":[\n%s\n]}' % (json.dumps(commit), ",\n".join(lines)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
