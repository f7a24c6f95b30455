#!/usr/bin/env bash
# clang-format over the C++ of the tree, or over the files given; with --check it changes nothing and names what it would
# change. Version 14, which is Debian 12's: others wrap lines differently.
set -euo pipefail
cd "$(dirname "$0")/.."
check=0
if [ "${1:-}" = --check ]; then check=1; shift; fi
tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ] || ! "$tool" --version | grep -q 'version 14'; then
  echo "format: needs clang-format 14: apt-get install clang-format-14" >&2
  exit 2
fi
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files '*.h' '*.cc')
if [ $check -eq 0 ]; then
  "$tool" -i "${files[@]}"
else
  "$tool" --dry-run --Werror --ferror-limit=1 "${files[@]}"
  echo "format: ${#files[@]} files are as clang-format leaves them"
fi
