#!/bin/sh
# Makes a host with Kijabi's services a node of the cluster at KIJABI_SERVER, by KIJABI_TOKEN and KIJABI_CA_HASH. A second time it does nothing.
set -eu
: "${KIJABI_SERVER:?HOST:PORT of the API server}" "${KIJABI_TOKEN:?as kijabi token create prints it}" "${KIJABI_CA_HASH:?sha256:... of the cluster}"
if [ -e /etc/kubernetes/kubelet.conf ]; then
  echo 'node.sh: this host is a node of a cluster'
  exit 0
fi
# Of machines that are made at the same time the others wait for the first one, for as long as an emulated one may take.
kijabi join "$KIJABI_SERVER" --token "$KIJABI_TOKEN" --discovery-token-ca-cert-hash "$KIJABI_CA_HASH" --discovery-timeout 20m
