/** Questions and objects for tests of the DNS server. */
import { encode, RECURSION_DESIRED, type OptAnswer, type Question } from 'dns-packet';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { ClusterIndex } from '../index.ts';
import { readQuery, type Query } from '../wire.ts';

export interface AskOptions {
  readonly id?: number;
  /** Bytes that the asker can take; absent: no EDNS. */
  readonly edns?: number;
  readonly dnssecOk?: boolean;
}

export function packetFor(name: string, type: string, { id = 4_711, edns, dnssecOk = false }: AskOptions = {}): Buffer {
  const flags = dnssecOk ? 0x8000 : 0;
  const opt: OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: edns ?? 0,
    extendedRcode: 0,
    ednsVersion: 0,
    flags,
    flag_do: dnssecOk,
    options: [],
  };
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as Question['type'] }],
    ...(edns === undefined ? {} : { additionals: [opt] }),
  });
}

export function queryOf(name: string, type: string, options?: AskOptions): Query {
  const query = readQuery(packetFor(name, type, options));
  if (query.kind !== 'query') throw new Error(`no query: ${query.kind}`);
  return query;
}

export interface ServiceWish {
  readonly clusterIPs?: readonly string[];
  readonly headless?: boolean;
  readonly externalName?: string;
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: 'TCP' | 'UDP' | 'SCTP' }[];
}

export function service(key: string, { clusterIPs, headless, externalName, ports = [] }: ServiceWish): Service {
  const [namespace = '', name = ''] = key.split('/');
  const spec =
    externalName !== undefined
      ? { type: 'ExternalName', externalName }
      : headless === true
        ? { clusterIP: 'None', clusterIPs: ['None'] }
        : { clusterIP: clusterIPs?.[0], clusterIPs };
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec: { ...spec, ports } } as unknown as Service;
}

export interface SliceWish {
  readonly service: string;
  readonly endpoints: readonly { readonly ip: string; readonly hostname?: string; readonly ready?: boolean }[];
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: 'TCP' | 'UDP' | 'SCTP' }[];
}

export function slice(key: string, { service: owner, endpoints, ports = [] }: SliceWish): EndpointSlice {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': owner } },
    addressType: endpoints[0]?.ip.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map(({ ip, hostname, ready }) => ({
      addresses: [ip],
      ...(hostname === undefined ? {} : { hostname }),
      conditions: ready === undefined ? {} : { ready },
    })),
    ports,
  } as unknown as EndpointSlice;
}

/** The cluster that the tables ask about. */
export function exampleCluster(): ClusterIndex {
  const index = new ClusterIndex();
  const set = (key: string, wish: ServiceWish): void => index.setService(key, service(key, wish));
  set('default/kubernetes', { clusterIPs: ['10.96.0.1'], ports: [{ name: 'https', port: 443 }] });
  set('kube-system/kube-dns', {
    clusterIPs: ['10.96.0.10'],
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53 },
    ],
  });
  set('default/dual', { clusterIPs: ['10.96.0.2', 'fd00:10:96::2'], ports: [{ port: 80 }] });
  set('default/six', { clusterIPs: ['fd00:10:96::3'], ports: [{ name: 'web', port: 80 }] });
  set('default/headless', { headless: true, ports: [{ name: 'http', port: 80 }] });
  set('default/empty', { headless: true, ports: [{ name: 'http', port: 80 }] });
  set('default/outside', { externalName: 'www.Example.com.' });
  set('default/pending', {});
  index.setSlice(
    'default/headless-1',
    slice('default/headless-1', {
      service: 'headless',
      endpoints: [{ ip: '10.244.0.5', hostname: 'my-pet' }, { ip: '10.244.0.6' }, { ip: '10.244.0.7', hostname: 'sick', ready: false }],
      ports: [{ name: 'http', port: 8080 }, { name: 'peer', port: 7000, protocol: 'UDP' }, { port: 9 }],
    }),
  );
  index.setSlice(
    'default/headless-2',
    slice('default/headless-2', {
      service: 'headless',
      endpoints: [{ ip: 'fd00::5', hostname: 'my-pet' }],
      ports: [{ name: 'http', port: 8080 }],
    }),
  );
  index.setSlice(
    'default/empty-1',
    slice('default/empty-1', { service: 'empty', endpoints: [{ ip: '10.244.0.9', ready: false }], ports: [{ name: 'http', port: 80 }] }),
  );
  index.setSlice(
    'default/k8s-1',
    slice('default/k8s-1', {
      service: 'kubernetes',
      endpoints: [{ ip: '192.0.2.1', hostname: 'one' }],
      ports: [{ name: 'https', port: 6443 }],
    }),
  );
  return index;
}
