#!/usr/bin/env bash
# clang-tidy over the C++ that differs from `main`, or over the files given, or over everything with --all. What passed is
# remembered by the content of the file and of all headers (build/tidy), so a second run looks only at what changed.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=$(command -v clang-tidy || true)
[ -n "$tool" ] || { echo "tidy: needs clang-tidy: apt-get install clang-tidy" >&2; exit 2; }
[ -f build/compile_commands.json ] || { echo "tidy: run make first" >&2; exit 2; }
case "${1:-}" in
  --all) mapfile -t files < <(git ls-files 'src/*.cc' 'fuzz/*.cc' 'tests/*.cc' 'bench/*.cc') ;;
  "") mapfile -t files < <({ git diff --name-only --diff-filter=d main -- '*.cc'; git ls-files --others --exclude-standard -- '*.cc'; } | sort -u) ;;
  *) files=("$@") ;;
esac
mkdir -p build/tidy
headers=$( { "$tool" --version; cat .clang-tidy; git ls-files 'src/*.h' 'fuzz/*.h' 'tests/*.h' 'bench/*.h' | xargs cat; } | sha256sum | cut -c1-16)
# V8's headers want the standard's <source_location>, which clang before 16 does not find in GCC's library.
mkdir -p build/tidy/include
cat >build/tidy/include/source_location <<'HEADER'
#pragma once
namespace std {
struct source_location {
  const char* file = "";
  const char* function = "";
  unsigned at = 0;
  static constexpr source_location current(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                                           unsigned at = __builtin_LINE()) {
    return {file, function, at};
  }
  constexpr const char* file_name() const { return file; }
  constexpr const char* function_name() const { return function; }
  constexpr unsigned line() const { return at; }
  constexpr unsigned column() const { return 0; }
};
}  // namespace std
HEADER
# A precompiled header of another compiler, and flags that this one does not know, are left out.
commands=build/tidy/commands
mkdir -p "$commands"
sed -E 's/ -include [^ "]*cmake_pch\.hxx//g; s/ -Winvalid-pch//g; s/ -fpch-preprocess//g; s/ -fsanitize-coverage=trace-pc//g; s# -std=c# -isystem '"$PWD"'/build/tidy/include -std=c#' \
  build/compile_commands.json >"$commands/compile_commands.json"
one() {
  local file=$1 mark
  mark=build/tidy/$(printf '%s %s' "$headers" "$(sha256sum "$file")" | sha256sum | cut -c1-32)
  [ -e "$mark" ] && return 0
  if "$tool" --quiet -p "$commands" "$file" 2>/dev/null; then touch "$mark"; else return 1; fi
}
export -f one
export tool headers commands
failed=0
printf '%s\0' "${files[@]}" | grep -qz . || { echo "tidy: nothing changed"; exit 0; }
printf '%s\0' "${files[@]}" | xargs -0 -P 2 -I{} bash -c 'one {}' || failed=1
echo "tidy: ${#files[@]} files looked at"
exit $failed
