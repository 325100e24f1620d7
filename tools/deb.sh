#!/usr/bin/env bash
# A package of the system this runs on, from what was built: what dpkg-shlibdeps finds is what it depends on.
# usage: tools/deb.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?a version expected}
command -v dpkg-shlibdeps >/dev/null || { echo "deb: dpkg-shlibdeps is missing: tools/setup.sh package" >&2; exit 1; }
architecture=$(dpkg --print-architecture)
root=build/deb/root package=build/oracle_${version}_$architecture.deb
rm -rf build/deb
mkdir -p "$root/DEBIAN" build/deb/debian
make -s install DESTDIR="$root" PREFIX=/usr

# The program alone: what MPI needs is only loaded in an MPI job.
printf 'Source: oracle\n\nPackage: oracle\nArchitecture: any\n' >build/deb/debian/control
depends=$(cd build/deb && dpkg-shlibdeps -O root/usr/bin/oracle 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "deb: the libraries it needs are of no package" >&2; exit 1; }
strip --strip-unneeded "$root/usr/bin/oracle"
gzip -9n "$root/usr/share/man/man1/oracle.1"
mv "$root/usr/share/doc/oracle/LICENSE" "$root/usr/share/doc/oracle/copyright"
gzip -9nc CHANGELOG.md >"$root/usr/share/doc/oracle/changelog.gz"
rm "$root/usr/share/doc/oracle/CHANGELOG.md"
mkdir -p "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/zsh/site-functions/_oracle" "$root/usr/share/zsh/vendor-completions/_oracle"
rmdir "$root/usr/share/zsh/site-functions"

cat >"$root/DEBIAN/control" <<EOF
Package: oracle
Version: $version
Architecture: $architecture
Maintainer: the authors of oracle <oracle@localhost>
Section: science
Priority: optional
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends, lua-yaml
Suggests: bash-completion, openmpi-bin
Description: simulator of deployments that serve large language models
 Predicts time to first token, time per output token, throughput, memory and
 cost of serving a model on accelerators that need not be there, request by
 request, with the schedulers of vLLM, SGLang and others.
EOF
# An image is of the files as they lie there (src/bind/host/image.h).
printf '#!/bin/sh\n/usr/bin/oracle --write-image >/dev/null 2>&1 || :\n' >"$root/DEBIAN/postinst"
printf '#!/bin/sh\nrm -f /usr/share/oracle/build/lua/image\n' >"$root/DEBIAN/prerm"
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
