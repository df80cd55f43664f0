#!/usr/bin/env bash
# A stranger's path on a clean Debian: nothing but what debootstrap brings, git, make, the roots
# of TLS and Go. It clones what is committed there, installs Prometheus by the command of
# docs/metrics.md and runs make newcomer (NEWCOMER=gate: make test, too, which installs what it
# needs). As root, with debootstrap.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v debootstrap >/dev/null || { echo "newcomer-debian needs debootstrap (Debian: apt-get install debootstrap)" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "newcomer-debian needs root: it makes a root directory of its own" >&2; exit 1; }

root=$(mktemp -d "${TMPDIR:-/var/tmp}/newcomer-debian.XXXXXX")
chmod 755 "$root" # the stranger's /: others than root live there too, such as PostgreSQL's user
trap 'rm -rf --one-file-system "$root"' EXIT
echo "== newcomer-debian: Debian ${SUITE:=bookworm} in $root"
unshare --mount debootstrap --variant=minbase --include=git,make,ca-certificates "$SUITE" "$root" ${MIRROR:+"$MIRROR"} >"$root.log" ||
	{ tail -20 "$root.log" >&2; exit 1; }
rm "$root.log"
cp -a "$(go env GOROOT)" "$root/usr/local/go"
echo "127.0.0.1 localhost" >"$root/etc/hosts" # which Debian's installer writes, and every container engine
# Debian's installer adds these, too. Without them the browsers are as old as the last point release.
read -r deb mirror _ <"$root/etc/apt/sources.list" # as debootstrap wrote it
printf '%s %s main\n' "$deb" "$mirror $SUITE-updates" "$deb" "${mirror%/debian}/debian-security $SUITE-security" \
	>>"$root/etc/apt/sources.list"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
git -c safe.directory='*' clone --quiet --no-hardlinks . "$root/src"
mkdir -p "$root/go"
install=$(grep '^apt-get install .*prometheus' "$root/src/docs/metrics.md")
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/90nobody-answers"

# Its mounts and processes are its own, and go with it.
inside='
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
exec chroot "$0" /usr/bin/env -i HOME=/root PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	GOPATH=/go GOTOOLCHAIN=local GOPROXY="$1" GOSUMDB="$2" DEBIAN_FRONTEND=noninteractive \
	bash -euc "apt-get update -q; $4; make -C /src newcomer NEWCOMER=$3"
'
unshare --mount --pid --fork --kill-child bash -euc "$inside" "$root" "$(go env GOPROXY)" "$(go env GOSUMDB)" "${NEWCOMER:-demo}" "$install"
