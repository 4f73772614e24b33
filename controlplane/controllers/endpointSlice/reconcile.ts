/** Keeps the EndpointSlices of services with a selector, as plan.ts says. */
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { explain } from '#base/errors.ts';
import { isNamespaceTerminating, isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { ENDPOINT_SLICES, MANAGED_BY_LABEL, SERVICE_NAME_LABEL, SERVICES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { MANAGER, planSlices, type SliceAction } from './plan.ts';
import { nodeSource, nodesOf, servicePods, zoneOf } from './services.ts';

const serviceKey = ({ metadata }: EndpointSlice): string => `${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
const byService = (slice: EndpointSlice): readonly string[] => [serviceKey(slice)];

/** Differs: shares of zones by their CPUs are not counted out; trafficDistribution, which came after it, keeps traffic near. */
const MODES = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];
const asksForShares = (service: Service | undefined): boolean =>
  MODES.some((mode) => /^auto$/i.test(service?.metadata.annotations?.[mode] ?? ''));

export interface EndpointSliceOptions {
  readonly concurrency: number;
  readonly most: number;
}

export function endpointSliceController(deps: ControllerDeps, { concurrency, most }: EndpointSliceOptions): Controller {
  const behind = servicePods(deps);
  const { services } = behind;
  const nodes = nodesOf(deps);
  const slices = deps.informers.for(ENDPOINT_SLICES, {
    selection: { labelSelector: `${MANAGED_BY_LABEL}=${MANAGER}` },
    indexes: { service: byService },
  });
  const client = deps.clientAs('endpointslice-controller').resource(ENDPOINT_SLICES);
  const expectations = new Expectations(deps.clock, [slices]);
  const events = deps.eventsOf('endpoint-slice-controller', 'endpointslice-controller');
  services.onChange(({ before, after }) => {
    if (after === undefined || !asksForShares(after) || asksForShares(before)) return;
    events.record(regarding(SERVICES, after), {
      type: 'Warning',
      reason: 'TopologyAwareHintsDisabled',
      message: 'Zones do not get shares here: set spec.trafficDistribution to PreferSameZone, and remove the annotation',
      action: 'EndpointSliceSync',
    });
  });
  return loopController<Service, SliceAction>({
    name: 'endpointslice-controller',
    deps,
    concurrency,
    expectations,
    sources: [
      source(services, (key) => [key]),
      behind.podSource,
      nodeSource(nodes, behind),
      source(slices, (_, slice) => (slice === undefined ? [] : [serviceKey(slice)])),
    ],
    desired: (key) => services.get(key),
    plan: (service, key) => ({
      actions: planSlices({
        service,
        pods: service === undefined ? [] : behind.behind(service),
        slices: slices.by('service', key),
        zoneOf: (name) => {
          const node = nodes.get(name);
          return node === undefined ? undefined : { zone: zoneOf(node) };
        },
        most,
      }),
    }),
    act: async (action, key, signal) => {
      const { slice } = action;
      switch (action.kind) {
        case 'createSlice':
          return client.create(slice, { signal }).then(
            (made) => expectations.written(key, slices, made),
            (err: unknown) => {
              if (!isNamespaceTerminating(err)) throw err;
            },
          );
        case 'updateSlice':
          return expectations.written(key, slices, await client.update(slice, { signal }));
        case 'deleteSlice': {
          const { namespace, name = '', uid = '' } = slice.metadata;
          await client.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
            if (!isNotFound(err)) throw err;
          });
          expectations.deleted(key, slices, slice);
        }
      }
    },
    onFailure: (_, key, err) => {
      const service = services.get(key);
      if (service === undefined) return;
      const message = `Error updating Endpoint Slices for Service ${key}: ${explain(err)}`;
      events.record(regarding(SERVICES, service), { type: 'Warning', reason: 'FailedToUpdateEndpointSlices', message });
    },
  });
}
