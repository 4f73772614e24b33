/**
 * What a kubelet does with running containers: logs, exec, attach, port-forward. The server finds the kubelet, shows it who it is, and then
 * hands on bytes, of SPDY and of old WebSockets; what new ones say (webSockets.ts) becomes SPDY. Source: the pod subresources of Kubernetes 1.36 and the paths of the kubelet's API.
 */
import { at } from '#api/fieldPath.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { Problems } from '#api/problem.ts';
import { joinDuplex } from '#base/duplex.ts';
import { CLIENT_PROTOCOL } from '#base/remoteCommand.ts';
import type { Answer, ApiCall, Handler } from '../call.ts';
import type { Backends, Target } from '../http/backend.ts';
import type { RegistryDeps } from '../registry/deps.ts';
import { settle } from '../registry/reads.ts';
import type { Resource } from '../registry/types.ts';
import { isTrue, type ResourceRequest } from '../requestInfo.ts';
import { badRequest, invalid, notFound } from '../status.ts';
import { answerFrom, errorFrom, handedOn, unreached, wholeAnswerFrom } from './answers.ts';
import { containerOf, kubeletOf, type KubeletPlaces } from './kubelet.ts';
import { speaks, translated, tunnelled, TUNNEL_PROTOCOL } from './webSockets.ts';

export interface StreamParts {
  readonly deps: RegistryDeps;
  readonly pods: Resource;
  readonly backends: Backends;
  readonly places: KubeletPlaces;
}

async function podOf({ deps, pods }: StreamParts, call: ApiCall): Promise<Pod> {
  await settle(deps, { kind: 'newest' });
  const { namespace, name } = call.info as ResourceRequest;
  const found = pods.cache.get(`${namespace}/${name}`);
  if (found === undefined) throw notFound(pods.about, name);
  return found.decode() as Pod;
}

/** Names as the kubelet has them, which are those of the API. */
const LOG_OPTIONS = ['follow', 'previous', 'timestamps', 'sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes', 'stream'];

export function logHandler(parts: StreamParts): Handler {
  return async (call) => {
    const pod = await podOf(parts, call);
    const { namespace = '', name = '' } = pod.metadata;
    checkLogOptions(call, name);
    const container = containerOf(pod, call.query.get('container') ?? '');
    // Nothing has run, so nothing was written.
    if ((pod.spec.nodeName ?? '') === '') return { kind: 'text', code: 204, contentType: 'text/plain', text: '' };
    const options = LOG_OPTIONS.flatMap((option) => {
      const value = call.query.get(option);
      return value === undefined || value === '' || value === 'false' ? [] : [`${option}=${encodeURIComponent(value)}`];
    });
    const path = `/containerLogs/${namespace}/${name}/${container}${options.length === 0 ? '' : `?${options.join('&')}`}`;
    const target: Target = { ...kubeletOf(pod.spec.nodeName ?? '', parts.places), path };
    const response = await parts.backends.send(target, { method: 'GET', headers: {}, signal: call.signal }).catch((err: unknown) => {
      throw unreached(err, `Get "https://${target.host}:${target.port}${path}": `);
    });
    const code = response.statusCode ?? 0;
    if (code < 200 || code > 206) throw await errorFrom(response, { group: '', resource: 'pods/log' }, name);
    return answerFrom(response, 'text/plain');
  };
}

function checkLogOptions({ query }: ApiCall, pod: string): void {
  const problems = new Problems();
  const whole = (name: string, least: number, text: string): void => {
    const value = query.get(name);
    if (value === undefined || value === '') return;
    if (!/^-?\d{1,18}$/.test(value)) throw badRequest(`${name}: want a whole number, got ${JSON.stringify(value)}`);
    if (Number(value) < least) problems.invalid(at(name), Number(value), text);
  };
  whole('tailLines', 0, 'must be greater than or equal to 0');
  whole('limitBytes', 1, 'must be greater than 0');
  whole('sinceSeconds', 1, 'must be greater than 0');
  const [seconds = '', time = '', stream = ''] = ['sinceSeconds', 'sinceTime', 'stream'].map((name) => query.get(name));
  if (seconds !== '' && time !== '') problems.forbidden(at(), 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  if (time !== '' && Number.isNaN(Date.parse(time)))
    throw badRequest(`sinceTime: want a time such as 2026-01-31T12:00:00Z, got ${JSON.stringify(time)}`);
  if (!['', 'All', 'Stdout', 'Stderr'].includes(stream)) problems.notSupported(at('stream'), stream, ['All', 'Stderr', 'Stdout']);
  if (problems.count > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, pod, problems.found);
}

export function execHandler(parts: StreamParts, what: 'exec' | 'attach'): Handler {
  return async (call) => {
    const pod = await podOf(parts, call);
    const { namespace = '', name = '' } = pod.metadata;
    const container = containerOf(pod, call.query.get('container') ?? '');
    const node = hostOf(pod, what === 'exec' ? 'exec into' : 'attach to');
    const streams = [
      ['stdin', 'input'],
      ['stdout', 'output'],
      ['stderr', 'error'],
      ['tty', 'tty'],
    ] as const;
    const query = streams.filter(([option]) => isTrue(call.query.get(option))).map(([, theirs]) => `${theirs}=1`);
    if (what === 'exec') query.push(...call.query.all('command').map((word) => `command=${encodeURIComponent(word)}`));
    const path = `/${what}/${namespace}/${name}/${container}?${query.join('&')}`;
    const target = { ...kubeletOf(node, parts.places), path };
    if (!speaks(call, CLIENT_PROTOCOL)) return upgraded(call, parts.backends, target);
    const [stdin = false, stdout = false, stderr = false, tty = false] = streams.map(([option]) => isTrue(call.query.get(option)));
    return translated(call, { backends: parts.backends, target, wanted: { stdin, stdout, stderr: stderr && !tty, tty } });
  };
}

export function portForwardHandler(parts: StreamParts): Handler {
  return async (call) => {
    const pod = await podOf(parts, call);
    const { namespace = '', name = '' } = pod.metadata;
    const node = pod.spec.nodeName ?? '';
    if (node === '') throw badRequest(`pod ${name} does not have a host assigned`);
    const ports = call.query.all('ports').flatMap((text) => text.split(','));
    const wrong = ports.find((port) => !/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535);
    if (wrong !== undefined) throw badRequest(`ports: want numbers from 1 to 65535, got ${JSON.stringify(wrong)}`);
    const path = `/portForward/${namespace}/${name}${ports.length === 0 ? '' : `?port=${ports.join(',')}`}`;
    const target = { ...kubeletOf(node, parts.places), path };
    return (speaks(call, TUNNEL_PROTOCOL) ? tunnelled : upgraded)(call, parts.backends, target);
  };
}

function hostOf({ metadata, spec, status }: Pod, doing: string): string {
  const phase = status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed')
    throw badRequest(`cannot ${doing} a container in a completed pod; current phase is ${phase}`);
  const node = spec.nodeName ?? '';
  if (node === '') throw badRequest(`pod ${metadata.name} does not have a host assigned`);
  return node;
}

/** Takes the connection once the other side has taken it too; any other answer of the other side is the answer. */
export async function upgraded(call: ApiCall, backends: Backends, target: Target): Promise<Answer> {
  const { upgrade } = call;
  if (upgrade === undefined) throw badRequest('Upgrade request required');
  const headers = { ...handedOn(call), connection: 'Upgrade', upgrade: upgrade.protocol };
  const answer = await backends.upgrade(target, { method: call.method, headers, signal: call.signal }).catch((err: unknown) => {
    throw unreached(err, 'error dialing backend: ');
  });
  if (answer.kind === 'response') return wholeAnswerFrom(answer.response);
  const client = upgrade.take();
  client.write(answer.head);
  if (answer.first.length > 0) client.write(answer.first);
  void joinDuplex(client, answer.socket, call.signal).then(() => upgrade.drop());
  return { kind: 'taken' };
}
