"""Fails unless the schema of terms accepts every terms file that the program accepts.

    python .ci/schema.py
"""

import datetime
import json
import pathlib
import sys
import tomllib

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parent.parent


def plain(value):
    """TOML as JSON has it: dates are texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return str(value)
    return value


def main():
    schema = json.loads((ROOT / "schema/terms.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    files = sorted([*ROOT.glob("tests/cases/*/terms.toml"), *ROOT.glob("data/*/terms/*.toml")])
    wrong = []
    for path in files:
        document = plain(tomllib.loads(path.read_text(encoding="utf-8")))
        for error in validator.iter_errors(document):
            place = "/".join(map(str, error.absolute_path))
            wrong.append(f"{path.relative_to(ROOT)}: {place}: {error.message[:200]}")
    for definition, of in schema["$defs"].items():
        for name, field in of.get("properties", {}).items():
            if "description" not in field:
                wrong.append(f"schema: {definition}.{name} has no description for editors")
    if wrong or len(files) < 40:
        sys.exit("\n".join(wrong) or "where are the terms files?")
    print(f"{len(files)} terms files fit the schema")


main()
