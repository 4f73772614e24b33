#!/bin/sh
# Makes a Debian or Ubuntu host one with Kijabi's services, out of the package in KIJABI_PACKAGE (/tmp/kijabi.deb). A second time it does
# nothing; with a newer package it upgrades, and pods go on.
set -eu
package=${KIJABI_PACKAGE:-/tmp/kijabi.deb}
if [ ! -r "$package" ]; then
  echo "common.sh: there is no $package: make it with npm run package, and copy it there (or name it in KIJABI_PACKAGE)" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
sums=/var/lib/dpkg/info/kijabi.md5sums
if [ -e "$sums" ] && dpkg-deb --ctrl-tarfile "$package" | tar -xOf - ./md5sums | cmp -s - "$sums"; then
  echo 'common.sh: Kijabi is installed'
else
  apt-get update -q
  apt-get install -q -y --no-install-recommends "$package"
fi
# Where no registry can be reached, images come from Debian packages.
if ! ctr -n k8s.io images list -q | grep -q /pause:; then
  if curl -fsS -o /dev/null --max-time 10 https://registry.k8s.io/v2/ 2>/dev/null; then
    echo 'common.sh: images come from their registries'
  else
    kijabi images load
  fi
fi
