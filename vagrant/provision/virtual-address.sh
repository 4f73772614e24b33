#!/bin/sh
# Gives KIJABI_VIRTUAL_ADDRESS, by keepalived (VRRP), to one of the hosts that run this: to one whose API server is alive, where there is one. A
# second time it changes nothing. KIJABI_ADDRESS is this host's on the same segment.
set -eu
: "${KIJABI_VIRTUAL_ADDRESS:?an address that no host has}" "${KIJABI_ADDRESS:?the address of this host on the same segment}"
found=$(ip -o -4 address show | awk -v address="$KIJABI_ADDRESS" '{ split($4, part, "/"); if (part[1] == address) print $2, part[2] }')
device=${found% *}
if [ -z "$device" ]; then
  echo "virtual-address.sh: no device of this host has $KIJABI_ADDRESS" >&2
  exit 1
fi
command -v keepalived >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends keepalived
file=/etc/keepalived/keepalived.conf
cat >"$file.new" <<END
global_defs {
  enable_script_security
  script_user root
}
vrrp_script alive {
  script "/usr/bin/curl -fsSk -o /dev/null --max-time 3 https://localhost:6443/livez"
  interval 3
  fall 3
  rise 1
  weight 50
}
vrrp_instance kijabi {
  state BACKUP
  interface $device
  virtual_router_id ${KIJABI_ROUTER_ID:-51}
  # Of two that are alive, the one with the higher number.
  priority $((1 + ${KIJABI_ADDRESS##*.} % 200))
  virtual_ipaddress {
    $KIJABI_VIRTUAL_ADDRESS/${found#* }
  }
  track_script {
    alive
  }
}
END
if cmp -s "$file.new" "$file"; then
  rm "$file.new"
  echo "virtual-address.sh: $KIJABI_VIRTUAL_ADDRESS is looked after"
else
  mv "$file.new" "$file"
  systemctl enable --quiet keepalived
  systemctl restart keepalived
fi
