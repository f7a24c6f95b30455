#!/usr/bin/env bash
# Fuzzes with libFuzzer, which needs clang: scripts/fuzz.sh [SECONDS [TARGET…]]. Each target gets that many seconds, 60 by
# default. An input that ends a target is kept in fuzz/corpus/TARGET, where every later test run tries it again; what only
# reached new code is kept in build-fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang++ >/dev/null || { echo "fuzz: needs clang: apt-get install clang" >&2; exit 2; }
seconds=${1:-60}
shift || true
cmake --preset fuzz --log-level=WARNING >/dev/null
cmake --build --preset fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || for program in build-fuzz/fuzz/*_fuzz; do targets+=("$(basename "$program" _fuzz)"); done
failed=0
for target in "${targets[@]}"; do
  echo "fuzz: $target for $seconds s"
  grown=build-fuzz/corpus/$target
  mkdir -p "$grown"
  build/fuzz/"$target"_fuzz --write-seeds "$grown"
  build-fuzz/fuzz/"$target"_fuzz -max_total_time="$seconds" -timeout=10 -max_len=65536 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="fuzz/corpus/$target/found-" "$grown" "fuzz/corpus/$target" || failed=1
done
exit $failed
