/**
 * What DNS has to know of API objects, and no more, so that many of them cost little memory. Pure.
 * Source: the Kubernetes DNS specification 1.1: which services and endpoints have records.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { parseIp } from '#api/ip.ts';
import { dashed } from './names.ts';
import { SERVICE_NAME_LABEL } from '../component/kinds.ts';

export interface PortRecord {
  /** In small letters; "" for a port without a name. */
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

export type ServiceRecord =
  | { readonly kind: 'address'; readonly addresses: readonly string[]; readonly ports: readonly PortRecord[] }
  | { readonly kind: 'headless' }
  | { readonly kind: 'external'; readonly target: string };

export interface EndpointRecord {
  readonly hostname: string;
  readonly address: string;
}

export interface SliceRecord {
  /** "namespace/name" of the service. */
  readonly service: string;
  /** The ready ones alone. */
  readonly endpoints: readonly EndpointRecord[];
  readonly ports: readonly PortRecord[];
}

/** undefined: it has no records, for it has no address yet. */
export function serviceRecord({ spec }: Service): ServiceRecord | undefined {
  const { type, clusterIP, clusterIPs, externalName, ports } = spec ?? {};
  if (type === 'ExternalName') {
    const target = nameOf(externalName ?? '');
    return target === undefined ? undefined : { kind: 'external', target };
  }
  if (clusterIP === 'None') return { kind: 'headless' };
  const addresses = canonical(clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]));
  return addresses.length === 0 ? undefined : { kind: 'address', addresses, ports: portRecords(ports ?? []) };
}

/** undefined: it belongs to no service. */
export function sliceRecord({ metadata, endpoints, ports, addressType }: EndpointSlice): SliceRecord | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  if (name === undefined || name === '' || addressType === 'FQDN') return undefined;
  const ready = (endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready ?? true);
  return {
    service: `${metadata.namespace ?? ''}/${name}`,
    endpoints: ready.flatMap(({ addresses, hostname }) =>
      canonical(addresses).map((address) => ({
        address,
        hostname: hostname === undefined || hostname === '' ? dashed(address) : hostname.toLowerCase(),
      })),
    ),
    ports: portRecords(ports ?? []),
  };
}

export interface PodRecord {
  readonly namespace: string;
  readonly addresses: readonly string[];
}

/** undefined: it has no address, or gives it back. */
export function podRecord({ metadata, status }: Pod): PodRecord | undefined {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const given = status?.podIPs?.map(({ ip }) => ip ?? '') ?? [status?.podIP ?? ''];
  const addresses = canonical(given);
  return addresses.length === 0 ? undefined : { namespace: metadata.namespace ?? '', addresses };
}

function canonical(addresses: readonly string[]): readonly string[] {
  return addresses.flatMap((text) => parseIp(text)?.canonical ?? []);
}

interface GivenPort {
  readonly name?: string | undefined;
  readonly protocol?: string | undefined;
  readonly port?: number | undefined;
}

function portRecords(ports: readonly GivenPort[]): readonly PortRecord[] {
  return ports.flatMap(({ name = '', protocol = 'TCP', port }) =>
    port === undefined ? [] : [{ name: name.toLowerCase(), protocol: protocol.toLowerCase(), port }],
  );
}

/** In small letters and without the dot at the end; undefined: it is no name that fits into a message. */
export function nameOf(text: string): string | undefined {
  const name = text.replace(/\.$/, '').toLowerCase();
  const labels = name.split('.');
  return name.length > 253 || labels.some((label) => !/^[!-\-/-~]{1,63}$/.test(label)) ? undefined : name;
}
