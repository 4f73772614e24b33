#!/bin/sh
# Makes a host with Kijabi's services a node of the cluster at KIJABI_SERVER, by KIJABI_TOKEN and KIJABI_CA_HASH. A second time it does nothing.
set -eu
# Of machines that are made at the same time the others wait for the first one, for as long as an emulated one may take.
wait_for_cluster() {
  tries=0
  info="https://$KIJABI_SERVER/api/v1/namespaces/kube-public/configmaps/cluster-info"
  until curl -fsSk --max-time 5 "$info" 2>/dev/null | grep -q "jws-kubeconfig-${KIJABI_TOKEN%%.*}"; do
    tries=$((tries + 1))
    if [ "$tries" -ge "${KIJABI_TRIES:-240}" ]; then
      echo "node.sh: $KIJABI_SERVER has no cluster-info that is signed with this token" >&2
      exit 1
    fi
    sleep 5
  done
}
: "${KIJABI_SERVER:?HOST:PORT of the API server}" "${KIJABI_TOKEN:?as kijabi token create prints it}" "${KIJABI_CA_HASH:?sha256:... of the cluster}"
if [ -e /etc/kubernetes/kubelet.conf ]; then
  echo 'node.sh: this host is a node of a cluster'
  exit 0
fi
wait_for_cluster
kijabi join "$KIJABI_SERVER" --token "$KIJABI_TOKEN" --discovery-token-ca-cert-hash "$KIJABI_CA_HASH"
