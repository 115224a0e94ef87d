"""Writes docs/inputs.md, the canonical tables, from their definition in src/store/tables.rs.

    python3 docs/inputs.py            # writes
    python3 docs/inputs.py --check    # fails if the page is not current
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "inputs.md"
SOURCE = HERE.parent / "src" / "store" / "tables.rs"

INTRO = """# What a project reads: the canonical tables

<!-- Written by docs/inputs.py from src/store/tables.rs; edit that instead. -->

Every export becomes one of these tables. A file that already has these column names, RFC 3339 instants
and commas needs no mapping; for all others see [mappings.md](mappings.md), which also says what each
kind of value accepts.

A row without a **required** column is rejected. Every other column may be absent: what depends on it is
reported as not measurable, never as zero. Rows of one key are one row. The column `source` is filled with
the name of the source in `gainshare.toml` unless the file has it.
"""

KINDS = {
    "Text": "text", "Person": "person", "Instant": "date and time", "Date": "date", "Month": "month",
    "Integer": "whole number", "Decimal": "decimal", "Boolean": "true or false",
    "Priority": "priority", "Seconds": "duration", "Share": "share", "Currency": "currency",
    "TicketType": "ticket type", "EventField": "event field", "ChargeCategory": "charge category",
}

TEXT = r'"((?:[^"\\]|\\.)*)"'


def plain(text):
    """A Rust string literal's text."""
    return re.sub(r"\\\n\s*", "", text).replace('\\"', '"').replace("|", "\\|")


def page():
    source = SOURCE.read_text(encoding="utf-8")
    blocks = source.split("    Table {\n")[1:]
    index, sections = [], []
    for block in blocks:
        name = re.search(r"name: " + TEXT, block).group(1)
        keys = re.findall(TEXT, re.search(r"key: &\[(.*?)\]", block, re.S).group(1))
        about = plain(re.search(r"\n        description: " + TEXT, block, re.S).group(1))
        split = re.search(r"partition: Some\(" + TEXT, block)
        columns = re.findall(
            r"\b(required|optional)\(\s*" + TEXT + r",\s*Kind::(\w+),\s*" + TEXT, block, re.S)
        if not columns or len(columns) != len(re.findall(r"Kind::", block)):
            sys.exit(f"{SOURCE}: cannot read the columns of `{name}`")
        index.append(f"| [`{name}`](#{name}) | {about} |")
        stored = f" Stored by contract and UTC month of `{split.group(1)}`." if split else ""
        rows = [
            f"| {'**' if need == 'required' else ''}`{column}`{'**' if need == 'required' else ''} "
            f"| {KINDS[kind]} | {plain(what)} |"
            for need, column, kind, what in columns
        ]
        sections.append("\n".join([
            f"## {name}", "", about + " Key: " + ", ".join(f"`{k}`" for k in keys) + "." + stored,
            "", "| column | kind | what |", "|---|---|---|", *rows, ""]))
    if len(blocks) < 2:
        sys.exit(f"{SOURCE}: no tables found")
    return "\n".join([INTRO, "| table | what |", "|---|---|", *index, "", *sections])


new = page()
if "--check" not in sys.argv[1:]:
    PAGE.write_text(new, encoding="utf-8")
elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != new:
    sys.exit("docs/inputs.md is old: python3 docs/inputs.py")
else:
    print("docs/inputs.md is current")
