#!/usr/bin/env bash
# Install a package of oracle on a clean Debian or Ubuntu, in a folder made for it, and run a scenario and a
# configuration there. As root, with debootstrap.
# usage: tools/clean_root.sh PACKAGE.deb SUITE [MIRROR]     such as bookworm, trixie, noble
set -euo pipefail

package=${1:?a package expected} suite=${2:?a suite expected} mirror=${3:-http://deb.debian.org/debian}
command -v debootstrap >/dev/null || { echo "clean_root: debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "clean_root: root only, for debootstrap and chroot" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp "$package" "$root/oracle.deb"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
inside apt-get -qq update
inside apt-get -qq install -y --no-install-recommends ./oracle.deb >/dev/null
inside oracle --version
inside sh -c 'cd /tmp && oracle /usr/share/oracle/scenarios/quickstart.lua -q --json - | head -n 3'
inside sh -c 'cd /tmp && oracle generate-config -q -o c.yaml && oracle validate c.yaml && oracle run c.yaml -q --json - | head -n 3'
inside sh -c 'printf "6 * 7\n" | oracle'
inside apt-get -qq remove -y oracle >/dev/null
inside sh -c '! command -v oracle && ! ls /usr/share/oracle 2>/dev/null'
echo "$suite: installed, run, removed"
