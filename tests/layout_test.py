#!/usr/bin/env python3
"""The layout of src/: every include points where the table of docs/architecture.md says it may, every folder is in that
table and has a README.md, every .cc begins with the header of its own name, so that headers stand alone, and every
decision is in its index."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
source = root / "src"
ROW = re.compile(r"^\| `src/([a-z]+)` \|[^|]*\|([^|]*)\|$", re.M)
INCLUDE = re.compile(r'^\s*#\s*include "([^"]+)"', re.M)

may = {}
for folder, listed in ROW.findall((root / "docs/architecture.md").read_text()):
    may[folder] = None if listed.strip() == "everything" else {name.strip() for name in listed.split(",") if name.strip()}

wrong = []
for folder, listed in may.items():
    for name in listed or ():
        if name not in may:
            wrong.append(f"docs/architecture.md: {folder} may include {name}, which is no folder of the table")
        elif may[name] is None or folder in may[name]:
            wrong.append(f"docs/architecture.md: {folder} and {name} may include each other")
for folder in sorted(entry.name for entry in source.iterdir() if entry.is_dir()):
    if folder not in may:
        wrong.append(f"src/{folder} is not in the table of docs/architecture.md")
    if not (source / folder / "README.md").exists():
        wrong.append(f"src/{folder} has no README.md")

index = (root / "docs/decisions/README.md").read_text()
for decision in sorted((root / "docs/decisions").glob("[0-9]*.md")):
    title = decision.read_text().split("\n", 1)[0]
    if f"]({decision.name})" not in index or title.split(". ", 1)[-1] not in index:
        wrong.append(f"docs/decisions/README.md does not list {decision.name}: {title}")

checked = 0
includes = 0
for path in sorted(source.rglob("*")):
    if path.suffix not in {".h", ".cc"}:
        continue
    checked += 1
    name = path.relative_to(root)
    folder = path.relative_to(source).parts[0]
    found = INCLUDE.findall(path.read_text())
    for target in found:
        parts = target.split("/")
        if len(parts) == 1:
            wrong.append(f"{name} includes \"{target}\" without its folder")
            continue
        includes += 1
        if not (source / target).exists():
            wrong.append(f"{name} includes \"{target}\", which is not there")
        allowed = may.get(folder, set())
        if parts[0] != folder and allowed is not None and parts[0] not in allowed:
            wrong.append(f"{name} includes {parts[0]}/, which {folder}/ may not")
    if path.suffix == ".cc":
        own = path.relative_to(source).with_suffix(".h").as_posix()
        if (source / own).exists() and found[:1] != [own]:
            wrong.append(f"{name} does not begin with its own header, {own}")
        tested = own.removesuffix("_test.h") + ".h"
        if own != tested and (source / tested).exists() and not re.match(r'(//.*\n|\n)*#include "', path.read_text()):
            wrong.append(f"{name} does not begin with a header of what it tests")

for line in wrong:
    print(line)
print(f"layout: {len(may)} folders, {checked} files, {includes} includes, {len(wrong)} wrong")
sys.exit(1 if wrong or checked < 200 or includes < 500 or len(may) < 12 else 0)
