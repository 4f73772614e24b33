/**
 * pods|services|nodes proxy: HTTP to what runs in the cluster, by way of the API server. Source: their storage in Kubernetes 1.36.
 * Differs: links in HTML pages are not rewritten, which only dashboards in browsers need; Location headers are.
 */
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { fromMap } from '#api/labels.ts';
import type { Answer, ApiCall, Handler } from '../call.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { DialError, type Target } from '../http/backend.ts';
import { settle } from '../registry/reads.ts';
import type { ResourceRequest } from '../requestInfo.ts';
import { badRequest, notFound, unavailable } from '../status.ts';
import { answerFrom, handedOn } from './answers.ts';
import { kubeletOf, type Place } from './kubelet.ts';
import { upgraded, type StreamParts } from './pods.ts';

export interface ProxyParts extends StreamParts {
  readonly services: ResourceCache;
  readonly endpointSlices: ResourceCache;
  readonly random: () => number;
}

type Kind = 'pods' | 'services' | 'nodes';

export function proxyHandler(parts: ProxyParts, kind: Kind): Handler {
  return async (call) => {
    await settle(parts.deps, { kind: 'newest' });
    const info = call.info as ResourceRequest;
    const rest = restOf(call, info);
    if (rest === '' && (call.method === 'GET' || call.method === 'HEAD')) return redirect(call);
    const place = placeOf(parts, kind, info);
    refuseLocal(place.host);
    const question = call.query.raw === '' ? '' : `?${call.query.raw}`;
    const target: Target = { ...place, path: `${rest === '' ? '/' : rest}${question}` };
    if (call.upgrade !== undefined) return upgraded(call, parts.backends, target);
    return passOn(call, parts, target);
  };
}

/** The path behind /proxy, as the client wrote it. */
function restOf({ path }: ApiCall, { rest }: ResourceRequest): string {
  const ends = [...path.matchAll(/[^/]+/g)].map((match) => match.index + match[0].length);
  return path.slice(ends.at(-1 - rest.length) ?? path.length);
}

/** Pages refer to their parts by relative paths, so the path of a page ends with a slash. */
function redirect({ path, query }: ApiCall): Answer {
  const location = `${path}/${query.raw === '' ? '' : `?${query.raw}`}`;
  return { kind: 'text', code: 301, contentType: 'text/plain', text: '', headers: { Location: location } };
}

function placeOf(parts: ProxyParts, kind: Kind, { namespace, name }: ResourceRequest): Place {
  const { scheme, id, port } = splitName(name);
  switch (kind) {
    case 'nodes': {
      const kubelet = kubeletOf(id, parts.places);
      if (port === '' || port === String(kubelet.port)) return kubelet;
      return { scheme, host: kubelet.host, port: portNumber(port), as: 'stranger' };
    }
    case 'pods':
      return podPlace(parts, { namespace, id, scheme, port });
    default:
      return servicePlace(parts, { namespace, id, scheme, port });
  }
}

interface Asked {
  readonly namespace: string;
  readonly id: string;
  readonly scheme: 'http' | 'https';
  readonly port: string;
}

/** "name", "name:port", "https:name:port" */
function splitName(name: string): Omit<Asked, 'namespace'> {
  const parts = name.split(':');
  if (parts.length === 1) return { scheme: 'http', id: name, port: '' };
  const [a = '', b = '', c = ''] = parts;
  if (parts.length === 2) return { scheme: 'http', id: a, port: b };
  if (parts.length !== 3 || (a !== 'http' && a !== 'https' && a !== ''))
    throw badRequest(`invalid name ${JSON.stringify(name)}: want name, name:port or scheme:name:port`);
  return { scheme: a === 'https' ? 'https' : 'http', id: b, port: c };
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw badRequest(`invalid port ${JSON.stringify(text)}`);
  return port;
}

function podPlace({ pods }: ProxyParts, { namespace, id, scheme, port }: Asked): Place {
  const pod = pods.cache.get(`${namespace}/${id}`)?.decode() as Pod | undefined;
  if (pod === undefined) throw notFound(pods.about, id);
  const host = pod.status?.podIP ?? '';
  if (host === '') throw badRequest(`pod ${id} has no address yet`);
  const first = (pod.spec.containers ?? []).flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
  if (port !== '') return { scheme, host, port: portNumber(port), as: 'stranger' };
  return { scheme, host, port: first ?? (scheme === 'https' ? 443 : 80), as: 'stranger' };
}

function servicePlace(parts: ProxyParts, { namespace, id, scheme, port }: Asked): Place {
  const service = parts.services.get(`${namespace}/${id}`)?.decode() as Service | undefined;
  if (service === undefined) throw notFound({ group: '', resource: 'services' }, id);
  const ports = service.spec.ports ?? [];
  const wanted =
    port === ''
      ? ports.length === 1
        ? ports[0]
        : ports.find(({ name }) => (name ?? '') === '')
      : ports.find((p) => p.name === port || String(p.port) === port);
  if (wanted === undefined) throw unavailable(`no service port ${JSON.stringify(port)} found for service ${JSON.stringify(id)}`);
  const labels = fromMap({ 'kubernetes.io/service-name': id });
  const found = parts.endpointSlices.list({ ...EVERYTHING, namespace, labels }).flatMap((object) => {
    const slice = object.decode() as EndpointSlice;
    const number = (slice.ports ?? []).find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port;
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    return number === undefined ? [] : ready.flatMap(({ addresses }) => (addresses ?? []).map((host) => ({ host, port: number })));
  });
  const chosen = found[Math.floor(parts.random() * found.length)];
  if (chosen === undefined) throw unavailable(`no endpoints available for service ${JSON.stringify(id)}`);
  return { scheme, ...chosen, as: 'stranger' };
}

/** Nobody reaches by way of this server what only this host may reach. */
function refuseLocal(host: string): void {
  const plain = host.replace(/^::ffff:/i, '').toLowerCase();
  if (/^(127\.|0\.0\.0\.0$|169\.254\.|22[4-9]\.|23\d\.)|^(::1?|localhost)$|^fe[89ab][0-9a-f]:|^ff/.test(plain))
    throw badRequest('address not allowed');
}

async function passOn(call: ApiCall, { backends }: ProxyParts, target: Target): Promise<Answer> {
  const { method, headers, peer } = call;
  const forwarded = {
    'x-forwarded-for': peer.address,
    'x-forwarded-host': String(headers['host'] ?? ''),
    'x-forwarded-proto': 'https',
    'x-forwarded-uri': call.path,
  };
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  const response = await backends
    .send(target, {
      method,
      headers: { ...handedOn(call), host: `${target.host}:${target.port}`, ...forwarded },
      ...(hasBody ? { body: call.bodyStream } : {}),
      signal: call.signal,
    })
    .catch((err: unknown) => {
      throw err instanceof DialError ? unavailable(`error trying to reach service: ${err.message}`) : err;
    });
  const answer = answerFrom(response, '');
  return answer.kind === 'stream' ? { ...answer, headers: moved(answer.headers ?? [], call, target) } : answer;
}

/** A redirect to the same place stays behind the proxy. */
function moved(headers: readonly string[], call: ApiCall, target: Target): readonly string[] {
  const prefix = call.path.slice(0, call.path.length - restOf(call, call.info as ResourceRequest).length);
  return headers.map((value, i) => {
    if (i % 2 === 0 || headers[i - 1]?.toLowerCase() !== 'location') return value;
    const origin = `${target.scheme}://${target.host}:${target.port}`;
    if (value.startsWith('/') && !value.startsWith('//')) return prefix + value;
    return value.startsWith(`${origin}/`) ? prefix + value.slice(origin.length) : value;
  });
}
