/**
 * The two rules an isolated node needs inside its own namespace: pods may go out, and the forwarded port finds its pod.
 * The bridge plugin's own masquerading is switched off: it costs 19 ms per pod, and its removal fails for ever once its rules are gone.
 *
 * They stand in a table of their own, so that the service proxy's rules and these never touch each other.
 * The forward is a map: a pod that comes back with another address is one atomic change, and open connections keep theirs.
 * Kernel: nf_tables, nf_nat.
 */
import { run } from '../linux/exec.ts';
import { inNetns } from '../linux/netns.ts';
import { UPLINK_DEVICE } from './uplink.ts';

const TABLE = 'ip kijabi';

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Pure. inner: networks whose packets leave as the node's. Adding and deleting first makes it the same whether the table was there or not. */
export function baseRules(inner: readonly string[]): string {
  return `add table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  map forward { type inet_service : ipv4_addr . inet_service; }
  chain inbound {
    type nat hook prerouting priority dstnat - 10; policy accept;
    iifname "${UPLINK_DEVICE}" meta l4proto tcp dnat ip to tcp dport map @forward
  }
  chain outbound {
    type nat hook postrouting priority srcnat + 10; policy accept;
    ip saddr { ${inner.join(', ')} } oifname "${UPLINK_DEVICE}" masquerade
  }
}
`;
}

/** Pure. undefined: there is nobody to forward to now, and the port refuses connections. */
export function forwardRules(nodePort: number, target: Target | undefined): string {
  const element = target === undefined ? '' : `add element ${TABLE} forward { ${nodePort} : ${target.address} . ${target.port} }\n`;
  return `flush map ${TABLE} forward\n${element}`;
}

export async function applyRules(netns: string, rules: string, signal: AbortSignal): Promise<void> {
  await run(inNetns(netns, ['nft', '-f', '-']), { input: rules, signal });
}
