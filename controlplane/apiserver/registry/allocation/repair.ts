/**
 * Brings the records of cluster IPs and node ports in line with the services when a server starts: after a restore of old data, or writes
 * past this server, a record may be missing or left over. Planning is pure; every write compares, so several servers may do it at once.
 */
import type { IPAddress } from '#api/kinds/networking/addresses.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Store, Write } from '../../storage/store.ts';
import { ownerOfPort, type NodePortAllocator } from './nodePorts.ts';
import { ALLOCATOR, type AddressAllocator } from './addresses.ts';

/** A record of an address or a port. */
export interface Held {
  readonly key: string;
  readonly owner: string;
  readonly remove: Write;
}

export interface RepairInput {
  readonly services: readonly Service[];
  readonly addresses: readonly Held[];
  readonly ports: readonly Held[];
  readonly takeAddress: (address: string, service: Service) => Write;
  readonly takePort: (port: string, service: Service) => Write;
}

export interface RepairPlan {
  readonly writes: readonly Write[];
  /** "10.0.0.7: default/a, default/b": two services have the same; a person has to decide. */
  readonly clashes: readonly string[];
}

export const nameOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;

export function planRepair(input: RepairInput): RepairPlan {
  const addresses = planOne(input.services, addressesOf, { held: input.addresses, take: input.takeAddress });
  const ports = planOne(input.services, portsOf, { held: input.ports, take: input.takePort });
  return { writes: [...addresses.writes, ...ports.writes], clashes: [...addresses.clashes, ...ports.clashes] };
}

const addressesOf = ({ spec }: Service): readonly string[] =>
  spec.type === 'ExternalName'
    ? []
    : (spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])).filter((ip) => ip !== '' && ip !== 'None');

/** One service may have the same port for two protocols. */
const portsOf = ({ spec }: Service): readonly string[] => [
  ...new Set(
    [...(spec.ports ?? []).map(({ nodePort = 0 }) => nodePort), spec.healthCheckNodePort ?? 0].filter((port) => port !== 0).map(String),
  ),
];

function planOne(
  services: readonly Service[],
  wants: (service: Service) => readonly string[],
  { held, take }: { readonly held: readonly Held[]; readonly take: (key: string, service: Service) => Write },
): RepairPlan {
  const users = new Map<string, Service[]>();
  for (const service of services) {
    for (const key of wants(service)) users.set(key, [...(users.get(key) ?? []), service]);
  }
  const owners = new Map(held.map(({ key, owner }) => [key, owner]));
  const leftOver = held.filter(({ key, owner }) => !(users.get(key) ?? []).some((service) => nameOf(service) === owner));
  const writes = leftOver.filter(({ key }) => !users.has(key)).map(({ remove }) => remove);
  const clashes: string[] = [];
  for (const [key, all] of users) {
    const [first] = all;
    if (all.length > 1) clashes.push(`${key}: ${all.map(nameOf).join(', ')}`);
    else if (first !== undefined && owners.get(key) !== undefined && owners.get(key) !== nameOf(first))
      clashes.push(`${key}: ${nameOf(first)}, ${owners.get(key)}`);
    if (!owners.has(key) && first !== undefined) writes.push(take(key, first));
  }
  return { writes, clashes };
}

export interface RepairParts {
  readonly store: Store;
  readonly services: readonly Service[];
  readonly addresses: AddressAllocator;
  readonly ports: NodePortAllocator;
  readonly newUid: () => string;
  readonly nowMs: number;
  readonly log: Logger;
}

export async function repairAllocations({ store, services, addresses, ports, newUid, nowMs, log }: RepairParts): Promise<void> {
  const { writes, clashes } = planRepair({
    services,
    addresses: addresses.held().flatMap(({ object, remove }) => {
      const { metadata, spec } = object as IPAddress;
      const { resource, namespace = '', name } = spec?.parentRef ?? { resource: '' };
      const isOurs = resource === 'services' && metadata.labels?.['ipaddress.kubernetes.io/managed-by'] === ALLOCATOR;
      return isOurs ? [{ key: metadata.name ?? '', owner: `${namespace}/${name}`, remove }] : [];
    }),
    ports: ports.held().map(({ object, remove }) => ({ key: object.metadata.name ?? '', owner: ownerOfPort(object), remove })),
    takeAddress: (address, { metadata: { namespace = '', name = '' } }) =>
      addresses.take(address, { namespace, name }, { uid: newUid(), nowMs }),
    takePort: (port, service) => ports.take(Number(port), nameOf(service)),
  });
  for (const clash of clashes) log.error('Two services have the same address or port, delete one of them', { clash });
  for (const write of writes) {
    try {
      await store.transact([write]);
      log.warn('Mended a record of an address or port of services', { key: write.key, action: write.kind });
    } catch (err) {
      // Another server was quicker.
      if (!/^STORE_(EXISTS|CONFLICT)$/.test(codeOf(err) ?? '')) throw err;
    }
  }
}
