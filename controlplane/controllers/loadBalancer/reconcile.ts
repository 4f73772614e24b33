/**
 * Gives services of type LoadBalancer an address out of --load-balancer-pool, of each of their families, and says it in their status; the
 * service proxies serve it. That packets for these addresses come to a node is the network's business: they are addresses that hosts have
 * beside their own, or that lead to hosts.
 * Source: events and texts of upstream's service controller.
 * Differs: there is nothing outside to be removed, so that services need no finalizer.
 */
import type { Service } from '#api/kinds/core/service.ts';
import { isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { SERVICES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { AddressPool, parseRange } from './pool.ts';

/** Services that name it, and those that name none, are ours. */
export const CLASS = 'kijabi.io/pool';

type Action =
  | { readonly kind: 'setAddresses'; readonly service: Service; readonly addresses: readonly string[] }
  | { readonly kind: 'fail'; readonly service: Service; readonly why: string };

const addressesOf = ({ status }: Service): readonly string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));

export const isOurs = ({ spec, metadata }: Service): boolean =>
  spec.type === 'LoadBalancer' &&
  metadata.deletionTimestamp === undefined &&
  (spec.loadBalancerClass === undefined || spec.loadBalancerClass === CLASS);

/** Takes from the pool what it gives. */
export function planAddresses(service: Service, key: string, pool: AddressPool): Action | undefined {
  const now = addressesOf(service);
  if (!isOurs(service)) {
    const given = now.filter((ip) => pool.ownerOf(ip) === key);
    if (service.spec.type === 'LoadBalancer' || given.length === 0) return undefined;
    return { kind: 'setAddresses', service, addresses: [] };
  }
  const { ipFamilies = [], loadBalancerIP = '' } = service.spec;
  const families = (ipFamilies.length > 0 ? ipFamilies : (['IPv4'] as const)).filter((family) => pool.has(family));
  if (families.length === 0) return { kind: 'fail', service, why: `the pool has no address of ${ipFamilies.join(', ')}` };
  const wanted: string[] = [];
  for (const family of families) {
    const isSix = family === 'IPv6';
    const named = loadBalancerIP !== '' && loadBalancerIP.includes(':') === isSix ? loadBalancerIP : undefined;
    if (named !== undefined && !pool.contains(named)) return { kind: 'fail', service, why: `${named} is not in the pool` };
    if (named !== undefined && !pool.take(named, key)) return { kind: 'fail', service, why: `${named} belongs to ${pool.ownerOf(named)}` };
    const kept = now.find((ip) => ip.includes(':') === isSix && pool.contains(ip) && pool.take(ip, key));
    const address = named ?? kept ?? pool.give(family, key);
    if (address === undefined) return { kind: 'fail', service, why: `no ${family} address is left in the pool` };
    wanted.push(address);
  }
  pool.releaseAll(key, [...wanted, ...now]);
  return wanted.join() === now.join() ? undefined : { kind: 'setAddresses', service, addresses: wanted };
}

export function serviceLbController(deps: ControllerDeps, ranges: readonly string[]): Controller {
  const pool = new AddressPool(ranges.flatMap((text) => parseRange(text) ?? []));
  const services = deps.informers.for(SERVICES);
  const client = deps.clientAs('service-controller').resource(SERVICES);
  const events = deps.eventsOf('service-controller', 'service-controller');
  const expectations = new Expectations(deps.clock, [services]);
  /** Who waits for an address to become free. */
  const waiting = new Set<string>();
  return loopController<Service, Action>({
    name: 'service-lb-controller',
    deps,
    expectations,
    sources: [
      {
        informer: services,
        onKeys: (ring) =>
          void services.onChange(({ key, after }) => {
            const addresses = after === undefined ? [] : addressesOf(after);
            // What services say they have is theirs, before anybody is given anything.
            for (const ip of addresses)
              if (!pool.take(ip, key))
                deps.log.warn('Two services say that they have an address', { service: key, ip, other: pool.ownerOf(ip) });
            if (after === undefined || !isOurs(after)) {
              if (addresses.length === 0) pool.releaseAll(key);
              for (const other of waiting) ring(other);
            }
          }),
      },
      source(services, (key) => [key]),
    ],
    desired: (key) => services.get(key),
    plan: (service, key) => {
      const action = service === undefined ? undefined : planAddresses(service, key, pool);
      if (action?.kind === 'fail') waiting.add(key);
      else waiting.delete(key);
      return { actions: action === undefined ? [] : [action] };
    },
    act: async (action, key, signal) => {
      const { service } = action;
      const about = regarding(SERVICES, service);
      if (action.kind === 'fail') {
        const message = `Error syncing load balancer: failed to ensure load balancer: ${action.why}`;
        return events.record(about, { type: 'Warning', reason: 'SyncLoadBalancerFailed', message });
      }
      const { addresses } = action;
      const tell = ([reason, message]: readonly [string, string]): void => events.record(about, { type: 'Normal', reason, message });
      tell(addresses.length > 0 ? ['EnsuringLoadBalancer', 'Ensuring load balancer'] : ['DeletingLoadBalancer', 'Deleting load balancer']);
      const { namespace, name = '', uid } = service.metadata;
      const loadBalancer = { ingress: addresses.length === 0 ? null : addresses.map((ip) => ({ ip, ipMode: 'VIP' })) };
      const body = { metadata: { uid }, status: { loadBalancer } };
      try {
        expectations.written(
          key,
          services,
          await client.patch({ namespace, name }, { type: 'merge', subresource: 'status', body }, { signal }),
        );
      } catch (err) {
        if (!isNotFound(err)) throw err;
        return;
      }
      if (addresses.length === 0) pool.releaseAll(key);
      tell(addresses.length > 0 ? ['EnsuredLoadBalancer', 'Ensured load balancer'] : ['DeletedLoadBalancer', 'Deleted load balancer']);
    },
  });
}
