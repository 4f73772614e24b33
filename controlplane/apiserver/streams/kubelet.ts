/** Where the kubelet of a node is reached. Source: the kubelet client of kube-apiserver 1.36. Throws: NotFound, InternalError. */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { Target } from '../http/backend.ts';
import { badRequest, internalError, notFound } from '../status.ts';

const DEFAULT_PORT = 10_250;
/** Source: the default of --kubelet-preferred-address-types. */
export const PREFERRED_ADDRESSES = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'];

export interface KubeletPlaces {
  readonly nodes: ResourceCache;
  readonly preferredAddresses: readonly string[];
}

export type Place = Pick<Target, 'scheme' | 'host' | 'port' | 'as'>;

export function kubeletOf(node: string, { nodes, preferredAddresses }: KubeletPlaces): Place {
  const found = nodes.get(node)?.decode() as Node | undefined;
  if (found === undefined) throw notFound({ group: '', resource: 'nodes' }, node);
  const addresses = found.status?.addresses ?? [];
  const host = preferredAddresses.map((type) => addresses.find((a) => a.type === type)?.address).find((a) => a !== undefined);
  if (host === undefined) {
    const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ');
    throw internalError(`no preferred addresses found; known addresses: [${known}]`);
  }
  const port = found.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  return { scheme: 'https', host, port: port === 0 ? DEFAULT_PORT : port, as: 'kubelet' };
}

/** The container that is asked for, or the only one. */
export function containerOf({ metadata, spec }: Pod, asked: string): string {
  const containers = spec.containers ?? [];
  const all = [spec.initContainers, containers, spec.ephemeralContainers].flatMap((list) => (list ?? []).map(({ name }) => name));
  const pod = metadata.name ?? '';
  if (asked !== '') {
    if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${pod}`);
    return asked;
  }
  const [only, more] = containers;
  if (only === undefined) throw badRequest(`a container name must be specified for pod ${pod}`);
  if (more !== undefined) throw badRequest(`a container name must be specified for pod ${pod}, choose one of: [${all.join(' ')}]`);
  return only.name;
}
