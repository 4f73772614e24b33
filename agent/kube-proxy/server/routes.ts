/** What the proxy answers on its two addresses: health for probes and load balancers; metrics, settings and explanations for people. */
import { AppError } from '#base/errors.ts';
import { METRICS_CONTENT_TYPE } from '#base/metrics.ts';
import { defaulted, type Settings } from '../config/settings.ts';
import { formatPacket } from '../explain/format.ts';
import { formatService } from '../explain/format.ts';
import { healthAnswer, type HealthInput } from '../health.ts';
import { parseIp } from '../ip.ts';
import type { Protocol } from '../servicePort.ts';
import type { ServiceProxy } from '../serviceProxy.ts';
import type { Answer, Route } from './listen.ts';

export interface RouteDeps {
  readonly proxy: ServiceProxy;
  readonly settings: Settings;
  readonly health: () => HealthInput;
  readonly nodeAddresses: () => readonly string[];
  readonly signal: AbortSignal;
}

export function healthRoute({ proxy, health }: Pick<RouteDeps, 'proxy' | 'health'>): Route {
  return ({ pathname }) => {
    const path = pathname === '/livez' ? 'livez' : pathname === '/healthz' ? 'healthz' : undefined;
    if (path === undefined) return notFound(pathname);
    const { status, body } = healthAnswer(path, health());
    (path === 'livez' ? proxy.metrics.livez : proxy.metrics.healthz).inc([String(status)]);
    return { status, body, type: 'application/json' };
  };
}

export function metricsRoute(deps: RouteDeps): Route {
  const { proxy, settings } = deps;
  return async (url) => {
    const [what = '', ...rest] = url.pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    switch (what) {
      case 'metrics':
        return { status: 200, body: await proxy.metricsText(deps.signal), type: METRICS_CONTENT_TYPE };
      case 'proxyMode':
        return { status: 200, body: settings.mode };
      case 'configz':
        return json({ 'kubeproxy.config.k8s.io': defaulted(settings) });
      case 'healthz':
      case 'livez':
        return { status: 200, body: 'ok' };
      case 'explain':
        return explainRoute(deps, rest, url.searchParams);
      default:
        return notFound(url.pathname);
    }
  };
}

async function explainRoute({ proxy, nodeAddresses, signal }: RouteDeps, path: readonly string[], query: URLSearchParams): Promise<Answer> {
  const asJson = query.get('output') === 'json';
  const [what, namespace, name] = path;
  if (what === 'service' && namespace !== undefined && name !== undefined) {
    const explanation = await proxy.explain(`${namespace}/${name}`, signal);
    return asJson ? json(explanation) : { status: 200, body: formatService(explanation) };
  }
  if (what === 'packet') {
    const addresses = nodeAddresses();
    const explanation = await proxy.tracePacket({ ...packetOf(query, addresses), nodeAddresses: addresses }, signal);
    return asJson ? json(explanation) : { status: 200, body: formatPacket(explanation) };
  }
  if (what === 'drift') {
    const drift = await proxy.drift(signal);
    return asJson
      ? json({ drift })
      : { status: 200, body: drift.length === 0 ? 'The kernel holds what it should.\n' : `${drift.join('\n')}\n` };
  }
  throw new AppError('NOT_FOUND', 'explain what? /explain/service/NAMESPACE/NAME, /explain/packet?from=IP&to=IP:PORT, /explain/drift');
}

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

function packetOf(
  query: URLSearchParams,
  nodeAddresses: readonly string[],
): { src: string; dst: string; dport: number; protocol: Protocol; inInterface?: string } {
  const from = parseIp(query.get('from') ?? '');
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(query.get('to') ?? '') ?? [];
  const to = parseIp(v6 ?? v4 ?? '');
  const protocol = query.get('proto') ?? 'tcp';
  if (from === undefined) throw new AppError('BAD_REQUEST', `from: want an IP address, got ${JSON.stringify(query.get('from'))}`);
  if (to === undefined || port === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw new AppError('BAD_REQUEST', `to: want IP:PORT or [IPv6]:PORT, got ${JSON.stringify(query.get('to'))}`);
  if (!PROTOCOLS.has(protocol)) throw new AppError('BAD_REQUEST', `proto: want tcp, udp or sctp, got ${JSON.stringify(protocol)}`);
  // What has an address of the node is sent by the node; the rest comes in somewhere.
  const inInterface = query.get('interface') ?? (nodeAddresses.includes(from.text) ? undefined : 'unknown');
  return {
    src: from.text,
    dst: to.text,
    dport: Number(port),
    protocol: protocol as Protocol,
    ...(inInterface === undefined ? {} : { inInterface }),
  };
}

function json(body: unknown): Answer {
  return { status: 200, body: `${JSON.stringify(body, undefined, 2)}\n`, type: 'application/json' };
}

function notFound(path: string): Answer {
  return { status: 404, body: `${path}: no such path\n` };
}
