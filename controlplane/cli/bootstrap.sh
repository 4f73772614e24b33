# Sourced by the launchers: makes sure node_modules is there and fits package-lock.json, under whichever Node and npm the
# host has. Says one line on stderr when there is something to do, and never writes to stdout. Two at once take turns.
#
#   bootstrap ROOT     afterwards $kijabi_node is the pinned Node, and NODE_COMPILE_CACHE to a directory for it

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
  # In /usr/lib/kijabi lies what was installed, and nothing else.
  if [ "$kijabi_root" = /usr/lib/kijabi ]; then kijabi_cache=/var/cache/kijabi/node-compile; else kijabi_cache=$kijabi_root/node_modules/.cache/node-compile; fi
  NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$kijabi_cache}
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
  kijabi_libatomic || return 1
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

# The pinned Node is linked against libatomic, which a minimal Debian lacks, and npm ci already runs it.
kijabi_libatomic() {
  PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1' && return 0
  # Without ldconfig nothing is known: go on, and let the loader speak.
  command -v ldconfig >/dev/null 2>&1 || [ -x /sbin/ldconfig ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo 'kijabi: installing the Debian package libatomic1, which the pinned Node needs' >&2
    kijabi_apt install libatomic1 || { kijabi_apt update && kijabi_apt install libatomic1; } && return 0
  fi
  [ -z "${kijabi_said-}" ] || printf '%s\n' "$kijabi_said" >&2
  echo 'kijabi: libatomic.so.1 is missing, and the pinned Node needs it: apt-get install libatomic1' >&2
  return 1
}

kijabi_apt() {
  kijabi_what=$1
  shift
  kijabi_said=$(DEBIAN_FRONTEND=noninteractive apt-get "$kijabi_what" -qq -y -o DPkg::Lock::Timeout=300 "$@" 2>&1 9<&-)
}

# Not being able to write it down costs a comparison the next time.
kijabi_remember() {
  { mkdir -p "${kijabi_stamp%/*}" && cp "$kijabi_root/package-lock.json" "$kijabi_stamp.$$" && mv "$kijabi_stamp.$$" "$kijabi_stamp"; } 2>/dev/null
  return 0
}
