/**
 * ComponentStatus: whether the parts of the control plane answer. Nothing is stored; each request asks them.
 * Source: upstream's names, ports and texts; deprecated there since 1.19, and kept for old scripts.
 */
import type { KindDefinition } from '#api/scheme.ts';
import { explain } from '#base/errors.ts';
import type { Answer, ApiCall } from './call.ts';
import type { Endpoint } from './apiTable.ts';
import { storedForm } from './cache/bytes.ts';
import { passes } from './cache/filter.ts';
import { cachedObject } from './cache/object.ts';
import { ROOT } from './cache/watchCache.ts';
import type { Backends } from './http/backend.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { readFilter } from './registry/listOptions.ts';
import type { Resource } from './registry/types.ts';
import { includeObjectOf, viewOf } from './registry/views.ts';
import type { ResourceRequest } from './requestInfo.ts';
import { notFound } from './status.ts';

interface Health {
  readonly isHealthy: boolean;
  readonly message: string;
}

type Probe = (signal: AbortSignal) => Promise<Health>;

export function componentEndpoint(deps: RegistryDeps, definition: KindDefinition, backends: Backends): Endpoint {
  const { kind, plural, singular, shortNames } = definition;
  const about = { group: '', resource: plural };
  const resource: Resource = {
    definition,
    group: '',
    version: 'v1',
    about,
    aboutKind: { group: '', kind },
    cache: deps.cache.register(`${ROOT}${plural}/`, {}),
    strategy: {},
    verbs: ['get', 'list'],
  };
  const probes = new Map<string, Probe>([
    ['scheduler', (signal) => ask(backends, 10_259, signal)],
    ['controller-manager', (signal) => ask(backends, 10_257, signal)],
    ['etcd-0', (signal) => deps.store.revision(signal).then(() => ({ isHealthy: true, message: 'ok' }), unhealthy)],
  ]);
  const answer = async (call: ApiCall, names: readonly string[], what: 'get' | 'list'): Promise<Answer> => {
    call.warn('v1 ComponentStatus is deprecated in v1.19+');
    const { signal } = call;
    const objects = await Promise.all(
      names.map(async (name) => {
        const { isHealthy, message } = await (probes.get(name)?.(signal) ?? Promise.reject(notFound(about, name)));
        const object = {
          apiVersion: 'v1',
          kind,
          metadata: { name },
          conditions: [{ type: 'Healthy', status: isHealthy ? 'True' : 'False', message }],
        };
        return cachedObject(name, { value: storedForm(object), modRevision: 0, createRevision: 0 }, {});
      }),
    );
    const view = viewOf(deps, resource, {
      form: call.wanted('forms').form,
      includeObject: includeObjectOf(call.query.get('includeObject')),
    });
    const [first] = objects;
    if (what === 'get' && first !== undefined) return { kind: 'json', code: 200, body: view.get(first) };
    const filter = readFilter(call.query, resource, '');
    const found = objects.filter((object) => passes(filter, object));
    return { kind: 'json', code: 200, body: view.list(found, { resourceVersion: '' }) };
  };
  return {
    group: '',
    version: 'v1',
    resource: plural,
    subresource: '',
    namespaced: false,
    kind: { group: '', version: 'v1', kind },
    singular,
    shortNames,
    handlers: {
      get: (call) => answer(call, [(call.info as ResourceRequest).name], 'get'),
      list: (call) => answer(call, [...probes.keys()], 'list'),
    },
  };
}

/** They listen on loopback, with certificates of their own making. */
async function ask(backends: Backends, port: number, signal: AbortSignal): Promise<Health> {
  const target = { scheme: 'https', host: '127.0.0.1', port, path: '/healthz', as: 'stranger' } as const;
  try {
    const response = await backends.send(target, { method: 'GET', headers: { Host: `127.0.0.1:${port}` }, signal });
    let text = '';
    for await (const chunk of response) text = (text + String(chunk)).slice(0, 1_000);
    return { isHealthy: response.statusCode === 200, message: text };
  } catch (err) {
    return { isHealthy: false, message: `Get "https://127.0.0.1:${port}/healthz": ${err instanceof Error ? err.message : explain(err)}` };
  }
}

const unhealthy = (err: unknown): Health => ({ isHealthy: false, message: explain(err) });
