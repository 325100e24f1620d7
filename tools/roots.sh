#!/usr/bin/env bash
# Before a release: what the README says, the unit tests and the goldens with gcc and with clang, and the package, each
# on a clean Debian or Ubuntu in a folder made for it; and the same tests on 64-bit ARM, cross-compiled and run by qemu:
# goldens are one set of files, so they pass where the bytes are those of x86.
# What is tried is what is committed. As root, with debootstrap, and with qemu-user-static for arm64; 3 GB of $TMPDIR.
# usage: tools/roots.sh [bookworm|trixie|noble|arm64 ...]      all of them without arguments
#   DEBIAN_MIRROR, UBUNTU_MIRROR   where packages come from
#   ORACLE_DATA                    recorded traces, without which their golden is skipped
# The last line is "N passed, N failed, N not run": a suite whose mirror does not answer is not run. Exit status: 0 all
# passed, 1 one failed, 2 none failed and not all were run.
set -u
cd "$(dirname "$0")/.." || exit 1

CHECKS=7 ARM_CHECKS=2 # what a suite has, and arm64
TESTS='tests/unit/*.c tests/golden/*_spec.lua'
passed=0 failed=0 not_run=0

# check WHAT COMMAND ...: run it, count it, show the errors and the end of what a failing one printed.
check() {
  local what=$1 from=$SECONDS
  shift
  if "$@" >"$work/log" 2>&1 </dev/null; then
    passed=$((passed + 1))
    echo "ok    $what ($((SECONDS - from)) s)"
  else
    failed=$((failed + 1))
    echo "FAIL  $what"
    { grep -m 20 ' error: ' "$work/log"; tail -n 40 "$work/log"; } | sed 's/^/      /'
    return 1
  fi
}

# skip N WHY
skip() {
  not_run=$((not_run + $1))
  echo "none  $2"
}

# inside COMMAND ...: in $root, with an environment of its own.
inside() {
  timeout -k 5 3600 chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive ORACLE_DATA=/data "$@"
}

source_inside() { inside sh -euxc "cd /oracle-*/; $1"; }

# What a container has: processes, terminals, and the recorded traces.
furnish() {
  mount -t proc proc "$root/proc"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  mkdir -p "$root/data"
  [ -z "${ORACLE_DATA:-}" ] || mount --bind -o ro "$ORACLE_DATA" "$root/data"
}

# answers SUITE: whether its mirror does, which is then $mirror with its $components.
answers() {
  mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian} components=main
  if [ "$1" = noble ]; then
    mirror=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu} components=main,universe
  fi
  wget -q --tries=1 --timeout=20 -O /dev/null "$mirror/dists/$1/Release"
}

# bare SUITE: a system of its smallest packages in $root. A suite younger than debootstrap is made as those before it.
bare() {
  local how=/usr/share/debootstrap/scripts/$1
  [ -e "$how" ] || how=/usr/share/debootstrap/scripts/gutsy
  debootstrap --variant=minbase --components="$components" "$1" "$root" "$mirror" "$how" && inside apt-get -qq update
}

# The README's two commands, what they leave, and the way back.
readme() {
  inside apt-get -qq install -y --no-install-recommends make >/dev/null || return
  source_inside '
    make demo
    make install
    (cd /tmp && oracle --version && oracle scenarios/quickstart.lua -q --json - | head -n 3)
    make uninstall
    ! find /usr/local -type f | grep .'
}

# tests COMPILER: what `make test` says of the unit tests and the goldens.
tests() {
  source_inside "tools/setup.sh build test
    command -v $1 >/dev/null || apt-get -qq install -y --no-install-recommends $1 >/dev/null
    make clean
    CC=$1 tools/test.sh '' $TESTS"
}

# It goes where nothing was built and no package of a compiler is.
package() {
  source_inside 'make deb && mv build/oracle_*.deb /oracle.deb' || return
  mv "$root/oracle.deb" "$root.bare/" || return
  local root=$root.bare
  furnish
  inside sh -euxc '
    apt-get -qq install -y --no-install-recommends ./oracle.deb >/dev/null
    cd /tmp
    oracle --version
    oracle scenarios/quickstart.lua -q --json - | head -n 3
    oracle generate-config -q -o c.yaml
    oracle validate c.yaml
    oracle run c.yaml -q --json - | head -n 3
    test "$(echo "6 * 7" | oracle)" = 42
    apt-get -qq remove -y oracle >/dev/null
    ! command -v oracle
    ! ls /usr/share/oracle /usr/share/doc/oracle'
}

suite() {
  root=$work/$1
  answers "$1" || { skip $CHECKS "$1: $mirror does not answer"; return; }
  check "$1: a system of its smallest packages" bare "$1" || { skip $((CHECKS - 1)) "$1: nothing to try it on"; return; }
  cp -a "$root" "$root.bare"
  furnish
  tar -xzf "$work/source.tar.gz" -C "$root"
  check "$1: make demo, make install, make uninstall" readme
  check "$1: unit tests and goldens, gcc" tests gcc
  check "$1: goldens as on a processor without fused multiply-add" source_inside \
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX tools/test.sh '' tests/golden/*_spec.lua"
  check "$1: make deb, installed on a system without compilers, removed" package
  check "$1: unit tests and goldens, clang" tests clang
  check "$1: make clean leaves the source" source_inside 'make clean && test ! -e build && test ! -e oracle'
}

# The packages of tools/setup.sh, those with machine code from the other architecture. Of lua-term only one
# architecture can be installed, and busted wants that of the interpreter.
arm_packages() {
  local p names=() list
  list=$(sed -n 's/^ *\[build\]="\(.*\)"$/\1/p' tools/setup.sh)
  for p in $list lua-filesystem lua-system; do
    case $p in
      gcc) names+=(gcc-aarch64-linux-gnu) ;;
      make | libjs-chart.js) names+=("$p") ;;
      *) names+=("$p:arm64") ;;
    esac
  done
  inside dpkg --add-architecture arm64 && inside apt-get -qq update &&
    inside apt-get -qq install -y --no-install-recommends lua-busted "${names[@]}" &&
    inside sh -ec 'cd /tmp && apt-get -qq download lua-term:arm64 && dpkg -x lua-term_*_arm64.deb /'
}

arm_build() {
  bare bookworm && furnish && tar -xzf "$work/source.tar.gz" -C "$root" && arm_packages &&
    source_inside 'make -k CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar build check'
}

# Whether the system runs programs of that architecture: qemu-user-static sees to it where systemd runs.
foreign() {
  local registry=/proc/sys/fs/binfmt_misc
  [ -e $registry/register ] || mount -t binfmt_misc none $registry 2>/dev/null
  [ -e $registry/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$registry/register
} 2>/dev/null

arm64() {
  root=$work/arm64
  answers bookworm || { skip $ARM_CHECKS "arm64: $mirror does not answer"; return; }
  foreign || { skip $ARM_CHECKS "arm64: no qemu for its programs: apt-get install qemu-user-static"; return; }
  check "arm64: cross-compiled" arm_build || { skip $((ARM_CHECKS - 1)) "arm64: nothing to run"; return; }
  check "arm64: unit tests and goldens, the bytes of x86" source_inside \
    "CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar tools/test.sh '' $TESTS"
}

# Namespaces of its own: mounts end with them, and no signal that goes astray in there leaves them.
if [ "${1:-}" != --inside ]; then
  for s in "$@"; do
    case $s in
      bookworm | trixie | noble | arm64) ;;
      *) echo "roots: $s: bookworm, trixie, noble or arm64 expected" >&2; exit 2 ;;
    esac
  done
  [ "$(id -u)" -eq 0 ] || { echo "roots: root only, for debootstrap and chroot" >&2; exit 2; }
  command -v debootstrap >/dev/null || { echo "roots: debootstrap is missing: apt-get install debootstrap" >&2; exit 2; }
  make -s dist || exit 2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp build/oracle-*.tar.gz "$work/source.tar.gz"
  [ $# -gt 0 ] || set -- bookworm trixie noble arm64
  namespaces=(--mount --propagation private --pid --fork --kill-child --mount-proc)
  unshare "${namespaces[@]}" "$0" --inside "$work" "$@" </dev/null &
  trap 'kill -KILL $!' INT TERM
  wait $!
  exit
fi

work=$2
shift 2
for s in "$@"; do
  if [ "$s" = arm64 ]; then arm64; else suite "$s"; fi
  rm -f "$work/log"
done
echo "$passed passed, $failed failed, $not_run not run"
[ "$failed" -eq 0 ] || exit 1
[ "$not_run" -eq 0 ] || exit 2
