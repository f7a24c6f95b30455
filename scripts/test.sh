#!/usr/bin/env bash
# Every test: unit and security tests (ctest), worker-side tests and the platform from outside (Node's runner).
set -euo pipefail
cd "$(dirname "$0")/.."
ctest --test-dir build --output-on-failure -j2
python3 tests/layout_test.py
# A test that hangs fails instead of holding everything up, and so does one that leaves a server behind.
export WEIR_MATRIX=$PWD/build/wrangler_matrix.jsonl
: >"$WEIR_MATRIX"
status=0
scripts/node --test --test-concurrency=1 --test-timeout=300000 --test-force-exit tests/e2e/*.test.mjs bench/*.test.mjs bench/lib/*.test.mjs || status=1
# What of wrangler works, whatever has failed.
scripts/node tests/e2e/matrix.mjs "$WEIR_MATRIX" || status=1
exit "$status"
