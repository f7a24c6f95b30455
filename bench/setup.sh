#!/usr/bin/env bash
# Fetches the peers that a benchmark alone needs, into build/bench: Debian's nginx, unpacked and not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/bench
cd build/bench
[ -x nginx/usr/sbin/nginx ] && exit 0
apt-get download nginx
dpkg -x nginx_*.deb nginx
rm nginx_*.deb
nginx/usr/sbin/nginx -v
