/** Keeps the Endpoints of services with a selector, as plan.ts says: what old clients and people look at. */
import type { Service } from '#api/kinds/core/service.ts';
import { explain } from '#base/errors.ts';
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { servicePods } from '../endpointSlice/services.ts';
import { ENDPOINTS } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { planEndpoints, type EndpointsAction } from './plan.ts';

/** Old leaders hold Endpoints without a service, and those are theirs. */
const LEADER = 'control-plane.alpha.kubernetes.io/leader';

export function endpointsController(deps: ControllerDeps, { concurrency }: { readonly concurrency: number }): Controller {
  const behind = servicePods(deps);
  const { services } = behind;
  const endpoints = deps.informers.for(ENDPOINTS);
  const client = deps.clientAs('endpoint-controller').resource(ENDPOINTS);
  const events = deps.eventsOf('endpoint-controller', 'endpoint-controller');
  const expectations = new Expectations(deps.clock, [endpoints]);
  // Whose service went while we looked, or before that. Endpoints that somebody makes before their service are not left over.
  const left = new Set<string>();
  services.onChange(({ key, after }) => void (after === undefined ? left.add(key) : left.delete(key)));
  endpoints.onChange(({ key, after }) => {
    if (after === undefined) left.delete(key);
    else if (!endpoints.isSynced && services.get(key) === undefined) left.add(key);
  });
  return loopController<Service, EndpointsAction>({
    name: 'endpoints-controller',
    deps,
    concurrency,
    expectations,
    sources: [source(services, (key) => [key]), behind.podSource, source(endpoints, (key) => [key])],
    desired: (key) => services.get(key),
    plan: (service, key) => {
      const there = endpoints.get(key);
      if (service === undefined && (!left.has(key) || there?.metadata.annotations?.[LEADER] !== undefined)) return { actions: [] };
      return { actions: planEndpoints({ service, pods: service === undefined ? [] : behind.behind(service), endpoints: there }) };
    },
    act: async (action, key, signal) => {
      const { namespace, name = '', uid = '' } = action.endpoints.metadata;
      switch (action.kind) {
        case 'createEndpoints':
          return client.create(action.endpoints, { signal }).then(
            (answer) => expectations.written(key, endpoints, answer),
            (err: unknown) => {
              if (!isAlreadyExists(err) && !isNamespaceTerminating(err)) throw err;
            },
          );
        case 'updateEndpoints':
          return expectations.written(key, endpoints, await client.update(action.endpoints, { signal }));
        case 'deleteEndpoints':
          await client.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
            if (!isNotFound(err)) throw err;
          });
          expectations.deleted(key, endpoints, action.endpoints);
      }
    },
    onFailure: ({ kind, endpoints: about }, key, err) => {
      if (kind === 'deleteEndpoints') return;
      const [reason, what] =
        kind === 'createEndpoints'
          ? (['FailedToCreateEndpoint', 'create endpoint for service'] as const)
          : (['FailedToUpdateEndpoint', 'update endpoint'] as const);
      events.record(regarding(ENDPOINTS, about), { type: 'Warning', reason, message: `Failed to ${what} ${key}: ${explain(err)}` });
    },
  });
}
