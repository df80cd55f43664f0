#!/usr/bin/env bash
# What the tests need beside Go; with "deploy", what make deploy-check needs, too. As root on
# Debian it is installed; anywhere else the script says what to install, and fails.
set -euo pipefail
what=${1:-}

has() { command -v "$1" >/dev/null; }
any() { local name; for name in "$@"; do if has "$name"; then return 0; fi; done; return 1; }

# The race detector links C code: a bare Debian with Go has no compiler.
can_link() { [ -n "${CC:-}" ] && has "$CC" || any gcc clang && [ -e /usr/include/stdlib.h ]; }

# Debian keeps the server's programs out of PATH.
has_postgres() { has initdb && has postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

missing() {
	can_link || echo gcc libc6-dev
	any chromium chromium-browser google-chrome google-chrome-stable || echo chromium
	any firefox-esr firefox || echo firefox-esr
	has redis-server || echo redis-server
	has_postgres || echo postgresql
	any pgbouncer /usr/sbin/pgbouncer || echo pgbouncer
	any nginx /usr/sbin/nginx || echo nginx-light
	[ "$what" != deploy ] || any haproxy /usr/sbin/haproxy || echo haproxy
	[ "$what" != deploy ] || has caddy || echo caddy
	[ "$what" != deploy ] || any dockerd /usr/sbin/dockerd || echo docker.io
	[ "$what" != deploy ] || any ip /usr/sbin/ip || echo iproute2
	[ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
	has node || echo nodejs
	has npm || echo npm
}

has go || { echo "need: Go 1.26 or later is not installed: https://go.dev/dl/" >&2; exit 1; }

echo "== need: C compiler, chromium, firefox, redis-server, postgresql, pgbouncer, nginx, nodejs, npm${what:+, haproxy, caddy, docker}"
mapfile -t packages < <(missing | tr ' ' '\n')
[ "${#packages[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then
	echo "need: missing: ${packages[*]} (names of Debian packages). On Debian, as root, run:" >&2
	echo "    apt-get update && apt-get install --no-install-recommends ${packages[*]}" >&2
	exit 1
fi

echo "need: installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${packages[@]}"

mapfile -t packages < <(missing)
[ "${#packages[@]}" -eq 0 ] || { echo "need: installed, yet still not found: ${packages[*]}" >&2; exit 1; }
