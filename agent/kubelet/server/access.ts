/**
 * What a request to the kubelet's HTTP API asks for, in the terms of authorization: a verb on nodes/<subresource>. Pure.
 *
 * Source: "Kubelet authentication/authorization" of the Kubernetes documentation, with KEP-2862 (fine-grained authorization).
 * Differs: whatever runs a command or joins a running one (exec, attach, run, portForward) is `create`, also when it comes as GET, as
 * WebSockets do. Upstream takes such a GET for a read, so that whoever may read nodes/proxy may run commands in every pod.
 */
export interface Target {
  /** Decoded. A path that ends in a slash ends in an empty segment. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/**
 * The one reading of a request's path, for authorization and for finding what serves it: two readings would let a request ask for one
 * thing and get another (//exec, %65xec, /pods/../exec). undefined: not a path we serve.
 */
export function parseTarget(url: string): Target | undefined {
  const [path = '', ...query] = url.split('?');
  if (!path.startsWith('/')) return undefined;
  const segments: string[] = [];
  for (const raw of path.slice(1).split('/')) {
    const segment = decode(raw);
    if (segment === undefined || segment === '.' || segment === '..' || /[/\0]/.test(segment)) return undefined;
    segments.push(segment);
  }
  if (segments.slice(0, -1).includes('')) return undefined;
  return { segments, query: new URLSearchParams(query.join('?')) };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export interface Asked {
  readonly verb: 'get' | 'create' | 'update' | 'patch' | 'delete';
  /** Any of them suffices; the finest first. */
  readonly subresources: readonly string[];
}

const VERBS: Readonly<Record<string, Asked['verb']>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
const RUNS_THINGS = new Set(['exec', 'attach', 'run', 'portForward']);
const ALONE = new Map([
  ['stats', 'stats'],
  ['metrics', 'metrics'],
  ['logs', 'log'],
]);
/** These fell under nodes/proxy before they had names of their own. */
const FORMERLY_PROXY = new Map([
  ['pods', 'pods'],
  ['runningpods', 'pods'],
  ['healthz', 'healthz'],
  ['configz', 'configz'],
]);

/** first: the first segment of the path, as parseTarget gives it and the routes are found by. undefined: no such method here. */
export function asked(method: string, first: string): Asked | undefined {
  const verb = RUNS_THINGS.has(first) ? 'create' : VERBS[method];
  if (verb === undefined) return undefined;
  const alone = ALONE.get(first);
  if (alone !== undefined) return { verb, subresources: [alone] };
  const finer = FORMERLY_PROXY.get(first);
  return { verb, subresources: finer === undefined ? ['proxy'] : [finer, 'proxy'] };
}
