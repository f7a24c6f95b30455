#!/usr/bin/env bash
# Installs what building, running and testing weir needs: Debian 12 packages and the npm packages of the lock file.
# Idempotent; does nothing when everything is there. Works as root or through sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  build-essential cmake ninja-build ccache pkg-config python3
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev zlib1g-dev libseccomp-dev libsqlite3-dev libbrotli-dev
  libtomlplusplus-dev libcli11-dev libgtest-dev libgmock-dev libbenchmark-dev ca-certificates openssl curl wrk
)
# A Node and npm from elsewhere serve as well as Debian's: they only install packages. Everything else is run by the
# Node that package.json pins (scripts/node).
command -v npm >/dev/null 2>&1 || packages+=(nodejs npm)

# One query for all of them: this runs at every make.
declare -A state=()
while read -r package status; do
  [ "$status" != installed ] || state[$package]=installed
done < <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  [ -n "${state[$package]:-}" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "setup: need root or sudo to install: ${missing[*]}" >&2; exit 2; }
    as_root=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ ! -e node_modules/.weir-lock ] || ! cmp -s package-lock.json node_modules/.weir-lock; then
  echo "setup: installing npm packages of package-lock.json"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.weir-lock
fi
