"""Checks that every relative link in the Markdown files leads to a file and a heading."""

import pathlib
import re
import subprocess
import sys
import urllib.parse


def prose(text):
    """The text without code."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", lambda code: "`" * len(code.group()), text)


def anchors(path):
    """The anchors of a file's headings, as GitHub makes them."""
    found = set()
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text, flags=re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        name, n = plain, 0
        while name in found:
            n += 1
            name = f"{plain}-{n}"
        found.add(name)
    return found


def main():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        check=True, capture_output=True, text=True,
    ).stdout
    wrong, n = [], 0
    for name in filter(None, listed.split("\0")):
        file = pathlib.Path(name)
        for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(file.read_text(encoding="utf-8"))):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            n += 1
            path, _, anchor = urllib.parse.unquote(target).partition("#")
            to = (file.parent / path) if path else file
            if not to.exists():
                wrong.append(f"{name}: {target}: there is no {to}")
            elif anchor and to.suffix == ".md" and anchor not in anchors(to):
                wrong.append(f"{name}: {target}: no such heading")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{n} links lead somewhere")


main()
