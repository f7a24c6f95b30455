#!/usr/bin/env bash
# The platform's side under sanitizers: scripts/sanitize.sh asan|tsan [E2E_TEST_FILE…]. Unit tests in a build of their own,
# then the platform from outside, with that build's weir and the engines of the release build: the files named, else all.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-}
case "$kind" in
  asan) export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 ;;
  tsan) export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 ;;
  *) echo "sanitize: say asan or tsan" >&2; exit 2 ;;
esac
shift
[ $# -gt 0 ] || set -- tests/e2e/*.test.mjs
cmake --preset "$kind" --log-level=WARNING >/dev/null
cmake --build --preset "$kind"
ctest --test-dir "build-$kind" --output-on-failure -j2
export WEIR_SANITIZER=$kind WEIR_BINARY=$PWD/build-$kind/weir
scripts/node --test --test-concurrency=2 --test-timeout=300000 --test-force-exit "$@"
