#!/bin/sh
# Makes the daemons services of this host: the same as kijabi install, and its arguments. From a clone, on Debian or Ubuntu, as root.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
exec "$here/../controlplane/cli/kijabi" install "$@"
