/** Where a request goes once it may go anywhere: a resource, or one of the paths beside them. */
import type { Answer, ApiCall, Handler } from './call.ts';
import type { ApiTable } from './apiTable.ts';
import type { Discovery } from './discovery.ts';
import { HISTORY } from './history/history.ts';
import { answerHealth, type HealthOptions } from './health.ts';
import type { Metrics } from './metrics.ts';
import { METRICS_CONTENT_TYPE } from '#base/metrics.ts';
import type { ResourceRequest } from './requestInfo.ts';
import { methodNotAllowed, methodNotSupported, noSuchPath } from './status.ts';
import { KUBERNETES_VERSION } from './version.ts';

export interface RouteOptions {
  readonly table: ApiTable;
  readonly discovery: Discovery;
  readonly health: HealthOptions;
  readonly metrics: Metrics;
  /** The history of an object; undefined: nothing is stored of this resource. */
  readonly history: (call: ApiCall, info: ResourceRequest) => Promise<Answer> | undefined;
  /** More paths: /openapi/v2, /openid/v1/jwks ... A path that ends with * stands for all that begin so. */
  readonly paths: ReadonlyMap<string, Handler>;
}

export function makeRoutes(options: RouteOptions): (call: ApiCall) => Promise<Answer> {
  return async (call) => {
    const { info } = call;
    if (info.kind === 'path') return routePath(call, options);
    if (info.subresource === HISTORY && info.rest.length === 0) {
      const answer = options.history(call, info);
      if (answer !== undefined) return answer;
    }
    const endpoint = options.table.find(info);
    if (endpoint === undefined) throw noSuchPath();
    const handler = endpoint.handlers[info.verb] ?? connectHandler(endpoint.handlers, info.verb);
    const about = { group: info.group, resource: info.resource };
    if (handler === undefined || !fits(info)) throw methodNotSupported(about, info.verb);
    return handler(call);
  };
}

/** Objects are created in a collection, and changed by their name. */
function fits({ verb, name, subresource }: ResourceRequest): boolean {
  if (verb === 'update' || verb === 'patch') return name !== '';
  return verb !== 'create' || subresource !== '' || name === '';
}

/** A watch of one object arrives as a list with a name. */
function connectHandler(handlers: Readonly<Partial<Record<string, Handler>>>, verb: string): Handler | undefined {
  return verb === 'watch' ? handlers['watch'] : undefined;
}

async function routePath(call: ApiCall, options: RouteOptions): Promise<Answer> {
  const { path } = call;
  const more = options.paths.get(path) ?? prefixed(path, options.paths);
  if (more !== undefined) return more(call);
  const isRead = call.method === 'GET' || call.method === 'HEAD';
  const health = await answerHealth(call, options.health);
  if (health !== undefined) return isRead ? health : refuse();
  if (path === '/version' || path === '/version/') return isRead ? { kind: 'value', code: 200, value: KUBERNETES_VERSION } : refuse();
  if (path === '/metrics') {
    return isRead ? { kind: 'text', code: 200, contentType: METRICS_CONTENT_TYPE, text: options.metrics.registry.text() } : refuse();
  }
  const found = options.discovery.answer(call);
  if (found !== undefined) return found;
  if (path === '/') return { kind: 'value', code: 200, value: { paths: pathsOf(options) } };
  throw noSuchPath();
}

function refuse(): never {
  throw methodNotAllowed();
}

function prefixed(path: string, paths: ReadonlyMap<string, Handler>): Handler | undefined {
  for (const [pattern, handler] of paths) if (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1))) return handler;
  return undefined;
}

function pathsOf({ table, paths, health }: RouteOptions): readonly string[] {
  const out = ['/api', '/apis', '/version', '/metrics', ...[...paths.keys()].filter((path) => !path.endsWith('*'))];
  for (const [group, versions] of table.groups()) {
    if (group === '') out.push(...versions.map((v) => `/api/${v}`));
    else out.push(`/apis/${group}`, ...versions.map((v) => `/apis/${group}/${v}`));
  }
  for (const path of ['healthz', 'livez', 'readyz'] as const) {
    out.push(`/${path}`, ...health.checks[path]().map(({ name }) => `/${path}/${name}`));
  }
  return out.toSorted();
}
