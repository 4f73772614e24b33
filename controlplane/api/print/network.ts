/** The tables of services and networking. Pure. Source: the columns of Kubernetes 1.36. */
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { IPAddress, ServiceCIDR } from '#api/kinds/networking/addresses.ts';
import type { Ingress, IngressClass } from '#api/kinds/networking/ingress.ts';
import type { NetworkPolicy } from '#api/kinds/networking/networkPolicy.ts';
import { firstFew, labelsText, NONE, orNone, selectorText, UNSET } from '#api/print/cells.ts';
import { age, name, text, wide, type Column } from '#api/print/column.ts';

export const service: readonly Column<Service>[] = [
  name,
  text('Type', 'Who can reach it', ({ spec }) => spec.type ?? ''),
  text('Cluster-IP', 'Address inside the cluster', ({ spec }) => orNone(spec.clusterIPs?.[0] ?? spec.clusterIP)),
  text('External-IP', 'Addresses outside the cluster', externalIp),
  text('Port(s)', 'Ports, with their node ports', portsText),
  age,
  wide(text('Selector', 'Labels of the pods behind it', ({ spec }) => labelsText(spec.selector))),
];

interface LoadBalancer {
  readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
}

function addressesOf(loadBalancer: LoadBalancer | undefined): readonly string[] {
  const all = (loadBalancer?.ingress ?? []).map(({ ip, hostname }) => (ip === undefined || ip === '' ? (hostname ?? '') : ip));
  return [...new Set(all)].filter((address) => address !== '').toSorted();
}

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return orNone(external.join(','));
    case 'LoadBalancer': {
      const all = [...addressesOf(status?.loadBalancer), ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function portsText({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(
    ({ port, nodePort = 0, protocol = 'TCP' }) => `${port}${nodePort > 0 ? `:${nodePort}` : ''}/${protocol}`,
  );
  return orNone(ports.join(','));
}

const MOST = 3;

export const endpoints: readonly Column<Endpoints>[] = [
  name,
  text('Endpoints', 'Addresses and ports', (e) => {
    const all = (e.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
      ports.length === 0 ? addresses.map((a) => a.ip) : ports.flatMap(({ port }) => addresses.map((a) => hostPort(a.ip, port))),
    );
    return firstFew(all, { most: MOST, empty: (e.subsets ?? []).length === 0 ? NONE : '' });
  }),
  age,
];

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

export const endpointSlice: readonly Column<EndpointSlice>[] = [
  name,
  text('AddressType', 'IPv4, IPv6 or FQDN', (e) => e.addressType),
  text('Ports', 'Ports of every endpoint', (e) => {
    const ports = (e.ports ?? []).map(({ port, name: of }) => (port === undefined ? (of ?? '*') : String(port)));
    return firstFew(ports, { most: MOST, empty: UNSET });
  }),
  text('Endpoints', 'Addresses', (e) => firstFew(e.endpoints?.flatMap(({ addresses }) => addresses) ?? [], { most: MOST, empty: UNSET })),
  age,
];

export const ingress: readonly Column<Ingress>[] = [
  name,
  text('Class', 'Name of its IngressClass', ({ spec }) => spec?.ingressClassName ?? NONE),
  text('Hosts', 'Names it answers to', hostsText),
  text('Address', 'Where it can be reached', ({ status }) => addressesOf(status?.loadBalancer).join(',')),
  text('Ports', 'Ports it listens on', ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80')),
  age,
];

function hostsText({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map((rule) => rule.host ?? '').filter((host) => host !== '');
  return firstFew(hosts, { most: MOST, empty: '*' });
}

export const ingressClass: readonly Column<IngressClass>[] = [
  name,
  text('Controller', 'Who serves the class', ({ spec }) => spec?.controller ?? ''),
  text('Parameters', 'Object with further settings', ({ spec }) => {
    const { parameters: p } = spec ?? {};
    return p === undefined ? NONE : `${p.kind}${p.apiGroup === undefined ? '' : `.${p.apiGroup}`}/${p.name}`;
  }),
  age,
];

export const networkPolicy: readonly Column<NetworkPolicy>[] = [
  name,
  text('Pod-Selector', 'Labels of the pods it is about', ({ spec }) => orNone(selectorText(spec?.podSelector))),
  age,
];

export const ipAddress: readonly Column<IPAddress>[] = [
  name,
  text('ParentRef', 'Object that has the address', ({ spec }) => {
    const { parentRef: p } = spec ?? {};
    if (p === undefined) return NONE;
    const resource = `${p.resource}${p.group === undefined || p.group === '' ? '' : `.${p.group}`}`.toLowerCase();
    return `${resource}${p.namespace === undefined || p.namespace === '' ? '' : `/${p.namespace}`}/${p.name}`;
  }),
  age,
];

export const serviceCidr: readonly Column<ServiceCIDR>[] = [
  name,
  text('CIDRs', 'Ranges addresses are taken from', ({ spec }) => (spec?.cidrs ?? []).join(',')),
  age,
];
