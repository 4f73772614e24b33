/**
 * Names of chains and marks, as upstream's kube-proxy gives them: tutorials, dashboards and other software know them. Pure.
 *
 * Source: the hash is the first 16 characters of base32(sha256(service port name + protocol [+ endpoint])); a chain name has at
 * most 28 bytes (XT_EXTENSION_MAXNAMELEN - 1, linux/netfilter/x_tables.h).
 */
import { hash } from 'node:crypto';
import type { ServicePort } from '../servicePort.ts';

export const SERVICES = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const NODEPORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
export const CANARY = 'KUBE-PROXY-CANARY';
/** In table mangle for as long as the kernel is asked what it can do. */
export const PROBE = 'KUBE-PROXY-PROBE';
/** Shared with the kubelet: we put our rule into it and leave the rest of it alone. */
export const KUBELET_FIREWALL = 'KUBE-FIREWALL';

export type TableName = 'nat' | 'filter' | 'mangle';

/** KUBE-XLB is what older releases of upstream called KUBE-EXT. */
const PER_SERVICE = /^KUBE-(SVC|SVL|SEP|EXT|FW|XLB)-[A-Z2-7]{16}$/;

/** Chains that are ours as a whole, by table. */
const OURS: Readonly<Record<TableName, ReadonlySet<string>>> = {
  nat: new Set([SERVICES, NODEPORTS, POSTROUTING, MARK_MASQ, CANARY]),
  filter: new Set([SERVICES, EXTERNAL_SERVICES, NODEPORTS, FORWARD, PROXY_FIREWALL, CANARY]),
  mangle: new Set([CANARY, PROBE]),
};

export function isOurs(table: TableName, chain: string): boolean {
  return OURS[table].has(chain) || (table === 'nat' && PER_SERVICE.test(chain));
}

export interface PortChains {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
  endpoint(text: string): string;
}

export function chainsOf({ name, protocol }: Pick<ServicePort, 'name' | 'protocol'>): PortChains {
  const suffix = hashOf(name + protocol);
  const endpoints = new Map<string, string>();
  return {
    cluster: `KUBE-SVC-${suffix}`,
    local: `KUBE-SVL-${suffix}`,
    external: `KUBE-EXT-${suffix}`,
    firewall: `KUBE-FW-${suffix}`,
    endpoint(text) {
      const known = endpoints.get(text);
      if (known !== undefined) return known;
      const made = `KUBE-SEP-${hashOf(name + protocol + text)}`;
      endpoints.set(text, made);
      return made;
    },
  };
}

export function markOf(bit: number): string {
  return `0x${(2 ** bit).toString(16)}`;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.split('');
/** Two characters for each ten bits. */
const PAIRS = BASE32.flatMap((a) => BASE32.map((b) => a + b));

/** RFC 4648 base32 of the first 10 bytes of the digest: 16 characters. As text of one byte a character it comes five times as fast. */
function hashOf(text: string): string {
  const digest = hash('sha256', text, 'latin1');
  return fiveBytes(digest, 0) + fiveBytes(digest, 5);
}

function fiveBytes(digest: string, at: number): string {
  const [b, c, d] = [digest.charCodeAt(at + 1), digest.charCodeAt(at + 2), digest.charCodeAt(at + 3)];
  const pair = (bits: number): string => PAIRS[bits & 1023] ?? '';
  return (
    pair((digest.charCodeAt(at) << 2) | (b >> 6)) +
    pair((b << 4) | (c >> 4)) +
    pair((c << 6) | (d >> 2)) +
    pair((d << 8) | digest.charCodeAt(at + 4))
  );
}
