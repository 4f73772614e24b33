#!/bin/sh
# Makes a host with Kijabi's services a control plane of a cluster, at KIJABI_ADDRESS. A second time it only makes sure that KIJABI_TOKEN, by which
# nodes join, is good. An authority in /tmp/kijabi-ca.crt and /tmp/kijabi-ca.key becomes the cluster's.
# Several: KIJABI_VIRTUAL_ADDRESS stands before them (virtual-address.sh), KIJABI_CERTIFICATE_KEY is the same for all, and every host but the first
# has KIJABI_FURTHER=1, KIJABI_SERVER and KIJABI_CA_HASH.
set -eu
: "${KIJABI_ADDRESS:?the address of this host that nodes reach it under}"
pki=/etc/kubernetes/pki
if [ -e /etc/kubernetes/admin.conf ] && systemctl is-active --quiet kube-apiserver; then
  echo 'control-plane.sh: the control plane runs'
elif [ -n "${KIJABI_FURTHER-}" ]; then
  : "${KIJABI_SERVER:?HOST:PORT}" "${KIJABI_TOKEN:?a token}" "${KIJABI_CA_HASH:?sha256:...}" "${KIJABI_CERTIFICATE_KEY:?64 hexadecimal digits}"
  # Of machines that are made at the same time the others wait for the first one, for as long as an emulated one may take.
  kijabi join "$KIJABI_SERVER" --token "$KIJABI_TOKEN" --discovery-token-ca-cert-hash "$KIJABI_CA_HASH" --discovery-timeout 20m \
    --control-plane --certificate-key "$KIJABI_CERTIFICATE_KEY" --apiserver-advertise-address "$KIJABI_ADDRESS"
else
  if [ -e /tmp/kijabi-ca.key ] && [ ! -e "$pki/ca.key" ]; then
    mkdir -p "$pki"
    install -m 600 -o root -g root /tmp/kijabi-ca.crt "$pki/ca.crt"
    install -m 600 -o root -g root /tmp/kijabi-ca.key "$pki/ca.key"
  fi
  set -- --apiserver-advertise-address "$KIJABI_ADDRESS" --pod-network-cidr "${KIJABI_PODS:-10.244.0.0/16}"
  if [ -n "${KIJABI_VIRTUAL_ADDRESS-}" ]; then
    set -- "$@" --etcd --control-plane-endpoint "$KIJABI_VIRTUAL_ADDRESS:6443" --upload-certs
    [ -z "${KIJABI_CERTIFICATE_KEY-}" ] || set -- "$@" --certificate-key "$KIJABI_CERTIFICATE_KEY"
  fi
  [ -z "${KIJABI_TOKEN-}" ] || set -- "$@" --token "$KIJABI_TOKEN"
  kijabi init "$@"
fi
rm -f /tmp/kijabi-ca.key /tmp/kijabi-ca.crt
if [ -n "${KIJABI_TOKEN-}" ] && ! kijabi token list | grep -q "^$KIJABI_TOKEN "; then
  kijabi token create "$KIJABI_TOKEN" >/dev/null
fi
if ! command -v kubectl >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends kubernetes-client
fi
