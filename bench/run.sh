#!/usr/bin/env bash
# Measures weir beside workerd and prints a table; --help says what else. Wants a build: make bench builds first.
set -euo pipefail
cd "$(dirname "$0")/.."
exec scripts/node bench/run.mjs "$@"
