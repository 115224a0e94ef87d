"""Checks that notebooks are stored without outputs; with --execute also runs them.

A notebook runs in its own folder, in a fresh kernel, and any error fails. The executed copy is
thrown away.
"""

import json
import pathlib
import sys

NOTEBOOKS = sorted(pathlib.Path("notebooks").glob("*.ipynb"))


def stored_clean(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"]):
            sys.exit(f"{path}: cell {number} has outputs; clear them before committing")


def execute(path):
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()


if not NOTEBOOKS:
    sys.exit("there is no notebook")
for notebook in NOTEBOOKS:
    stored_clean(notebook)
    if "--execute" in sys.argv[1:]:
        execute(notebook)
        print(f"{notebook}: executed")
print(f"{len(NOTEBOOKS)} notebooks without outputs")
