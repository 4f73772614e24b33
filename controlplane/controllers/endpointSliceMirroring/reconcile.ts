/** Keeps slices for Endpoints without a selector, as plan.ts says. */
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { ENDPOINTS, ENDPOINT_SLICES, MANAGED_BY_LABEL, SERVICES, SERVICE_NAME_LABEL } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { isToMirror, MANAGER, planSlices, surplusText, type SliceAction } from './plan.ts';

const keyOf = ({ metadata }: EndpointSlice): string => `${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;

export function endpointSliceMirroringController(deps: ControllerDeps): Controller {
  const endpoints = deps.informers.for(ENDPOINTS);
  const services = deps.informers.for(SERVICES);
  const slices = deps.informers.for(ENDPOINT_SLICES, {
    selection: { labelSelector: `${MANAGED_BY_LABEL}=${MANAGER}` },
    indexes: { service: (slice) => [keyOf(slice)] },
  });
  const client = deps.clientAs('endpointslicemirroring-controller').resource(ENDPOINT_SLICES);
  const events = deps.eventsOf('endpoint-slice-mirroring-controller', 'endpointslicemirroring-controller');
  endpoints.onChange(({ key, before, after }) => {
    const message = after === undefined || !isToMirror(after, services.get(key)) ? undefined : surplusText(after);
    if (after === undefined || message === undefined || (before !== undefined && surplusText(before) === message)) return;
    events.record(regarding(ENDPOINTS, after), { type: 'Warning', reason: 'TooManyAddressesToMirror', message });
  });
  const expectations = new Expectations(deps.clock, [slices]);
  return loopController<Endpoints, SliceAction>({
    name: 'endpointslice-mirroring-controller',
    deps,
    expectations,
    sources: [
      source(endpoints, (key) => [key]),
      source(services, (key) => [key]),
      source(slices, (_, slice) => (slice === undefined ? [] : [keyOf(slice)])),
    ],
    desired: (key) => endpoints.get(key),
    plan: (wanted, key) => ({
      actions: planSlices({
        endpoints: wanted,
        service: services.get(key),
        slices: slices.by('service', key),
      }),
    }),
    act: async (action, key, signal) => {
      const namespace = key.split('/')[0] ?? '';
      switch (action.kind) {
        case 'createSlice':
          return expectations.written(key, slices, await client.create(action.slice, { signal }));
        case 'updateSlice':
          return expectations.written(key, slices, await client.update(action.slice, { signal }));
        case 'deleteSlice': {
          const { name, uid } = action;
          await client.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
            if (!isNotFound(err) && !isConflict(err)) throw err;
          });
          const gone = slices.get(`${namespace}/${name}`);
          if (gone?.metadata.uid === uid) expectations.deleted(key, slices, gone);
        }
      }
    },
  });
}
