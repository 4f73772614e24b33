# Sourced by the launchers: makes sure node_modules is there and fits package-lock.json, under whichever Node and npm the
# host has. Says one line on stderr when there is something to do, and never writes to stdout. Two at once take turns.
#
#   bootstrap ROOT     afterwards $kijabi_node is the pinned Node, and NODE_COMPILE_CACHE points into the repository

bootstrap() {
  kijabi_root=$1
  kijabi_node=$kijabi_root/node_modules/node/bin/node
  if ! kijabi_fits; then
    # The lock file itself is what is locked: npm ci removes everything else we could use.
    exec 9<"$kijabi_root/package-lock.json"
    flock 9
    kijabi_fits || kijabi_install || exit 1
    exec 9<&-
  fi
  NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$kijabi_root/node_modules/.cache/node-compile}
  export NODE_COMPILE_CACHE
}

# A copy of the lock file tells what is installed; where there is none, each package's version does.
kijabi_fits() {
  kijabi_stamp=$kijabi_root/node_modules/.cache/kijabi/package-lock.json
  [ -x "$kijabi_node" ] || return 1
  cmp -s "$kijabi_root/package-lock.json" "$kijabi_stamp" && return 0
  "$kijabi_node" "$kijabi_root/controlplane/cli/installed.mjs" "$kijabi_root" && kijabi_remember
}

kijabi_install() {
  if ! command -v npm >/dev/null 2>&1; then
    echo 'kijabi: npm is not installed: install Node 20 or newer with npm (apt-get install nodejs npm, or from nodejs.org)' >&2
    return 1
  fi
  echo 'kijabi: installing the npm dependencies (npm ci), among them the pinned Node; once, about ten seconds' >&2
  if ! (cd "$kijabi_root" && npm ci --no-audit --no-fund --loglevel=error) >&2 9<&-; then
    echo "kijabi: npm ci failed in $kijabi_root: see above, then try again" >&2
    return 1
  fi
  if [ ! -x "$kijabi_node" ]; then
    echo "kijabi: npm ci brought no $kijabi_node: allow install scripts (npm config set ignore-scripts false), remove node_modules and try again" >&2
    return 1
  fi
  kijabi_remember
}

# Not being able to write it down costs a comparison the next time.
kijabi_remember() {
  { mkdir -p "${kijabi_stamp%/*}" && cp "$kijabi_root/package-lock.json" "$kijabi_stamp.$$" && mv "$kijabi_stamp.$$" "$kijabi_stamp"; } 2>/dev/null
  return 0
}
