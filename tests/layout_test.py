#!/usr/bin/env python3
"""Include directions: every `#include "folder/…"` in src/ points where docs/architecture.md says it may."""
import pathlib
import re
import sys

MAY = {
    "base": set(),
    "wire": {"base"},
    "js": {"base"},
    "web": {"js", "wire", "base"},
    "engine": {"web", "js", "wire", "base"},
    "observe": {"wire", "base"},
    "net": {"base"},
    "http": {"net", "base"},
    "store": {"base"},
    "catalog": {"store", "base"},
    "state": {"store", "base"},
    "logs": {"store", "observe", "wire", "base"},
    "sandbox": {"wire", "net", "observe", "base"},
    "edge": {"sandbox", "catalog", "state", "http", "net", "observe", "wire", "store", "base"},
    "control": {"sandbox", "logs", "catalog", "state", "http", "net", "observe", "wire", "store", "base"},
}
INCLUDE = re.compile(r'^\s*#include "([a-z]+)/', re.M)

root = pathlib.Path(__file__).resolve().parent.parent / "src"
checked = 0
wrong = []
for path in sorted(root.rglob("*")):
    if path.suffix not in {".h", ".cc"}:
        continue
    folder = path.relative_to(root).parts[0]
    checked += 1
    if folder == "cli":
        continue
    for target in INCLUDE.findall(path.read_text()):
        if target != folder and target not in MAY[folder]:
            wrong.append(f"{path.relative_to(root.parent)} includes {target}/, which {folder}/ may not")
for line in wrong:
    print(line)
print(f"layout: {checked} files, {len(wrong)} wrong includes")
sys.exit(1 if wrong or checked < 50 else 0)
