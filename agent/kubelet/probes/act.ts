/**
 * Asks a container once, whichever way its probe wants. Nothing is decided here.
 *
 * Source: texts of the answers as upstream's prober gives them, because people search for them.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { HTTPGetAction, Probe } from '#api/kinds/core/probes.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { CriClient } from '#cri/client.ts';
import { within } from '../pods/within.ts';
import { timeoutOf } from './plan.ts';
import { dial, hostPort } from './http/dial.ts';
import { httpGet } from './http/get.ts';
import { grpcCheck } from './http/grpc.ts';

export interface ProbeTarget {
  readonly containerId: string;
  readonly container: Container;
  /** Where the pod answers; '' while it has no address. */
  readonly ip: string;
}

export type ProbeAnswer =
  | { readonly kind: 'good' }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'bad'; readonly message: string }
  /** It could not be asked, which says nothing about the container. */
  | { readonly kind: 'error'; readonly message: string };

export interface AskDeps {
  readonly client: CriClient;
  readonly clock: Clock;
}

const OUTPUT_CHARS = 10 << 10;

export async function askOnce(deps: AskDeps, target: ProbeTarget, probe: Probe, signal: AbortSignal): Promise<ProbeAnswer> {
  try {
    if (probe.exec !== undefined) return await execProbe(deps, target, probe, signal);
    if (probe.httpGet !== undefined) return await httpProbe(deps, target, probe, signal);
    if (probe.tcpSocket !== undefined) {
      const { host, port } = probe.tcpSocket;
      const at = { host: host ?? target.ip, port: portOf(target.container, port) };
      const late = (): string => `dial tcp ${hostPort(at.host, at.port)}: i/o timeout`;
      await within(deps.clock, { ms: timeoutOf(probe), late, signal }, (s) => dial(at.host, at.port, s));
    } else if (probe.grpc !== undefined) {
      const { port, service = '' } = probe.grpc;
      const late = (): string => `timeout: failed to connect service ${JSON.stringify(hostPort(target.ip, port))} within ${seconds(probe)}`;
      await within(deps.clock, { ms: timeoutOf(probe), late, signal }, (s) => grpcCheck({ host: target.ip, port, service, signal: s }));
    }
    return { kind: 'good' };
  } catch (err) {
    signal.throwIfAborted();
    return { kind: codeOf(err) === 'PROBE_FAILED' ? 'bad' : 'error', message: explain(err) };
  }
}

async function execProbe({ client }: AskDeps, target: ProbeTarget, probe: Probe, signal: AbortSignal): Promise<ProbeAnswer> {
  const cmd = [...(probe.exec?.command ?? [])];
  try {
    const request = { container_id: target.containerId, cmd, timeout: Math.ceil(timeoutOf(probe) / 1_000) };
    const { exit_code, stdout, stderr } = await client.runtime.execSync(request, { signal });
    if (exit_code === 0) return { kind: 'good' };
    return { kind: 'bad', message: Buffer.concat([stdout, stderr]).toString('utf8').slice(0, OUTPUT_CHARS) };
  } catch (err) {
    if (codeOf(err) !== 'CRI_DEADLINE') throw err;
    return { kind: 'bad', message: `command timed out: ${JSON.stringify(cmd.join(' '))} timed out after ${seconds(probe)}` };
  }
}

async function httpProbe({ clock }: AskDeps, target: ProbeTarget, probe: Probe, signal: AbortSignal): Promise<ProbeAnswer> {
  const action = probe.httpGet as HTTPGetAction;
  const url = urlOf(action, target);
  const late = (): string => `Get ${JSON.stringify(url.href)}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  const { status, body } = await within(clock, { ms: timeoutOf(probe), late, signal }, (s) =>
    httpGet({ url, headers: action.httpHeaders ?? [], signal: s }),
  );
  if (status >= 300 && status < 400) return { kind: 'warning', message: `Probe terminated redirects, Response body: ${body}` };
  if (status >= 200 && status < 300) return { kind: 'good' };
  return { kind: 'bad', message: `HTTP probe failed with statuscode: ${status}` };
}

/** Throws AppError PROBE_INVALID. */
export function urlOf(
  { scheme = 'HTTP', host, port, path = '/' }: HTTPGetAction,
  { container, ip }: Pick<ProbeTarget, 'container' | 'ip'>,
): URL {
  const at = hostPort(host === undefined || host === '' ? ip : host, portOf(container, port));
  const text = `${scheme.toLowerCase()}://${at}${path.startsWith('/') ? path : `/${path}`}`;
  if (!URL.canParse(text)) throw new AppError('PROBE_INVALID', `${JSON.stringify(text)} is no URL: look at host, port and path`);
  return new URL(text);
}

/** Throws AppError PROBE_INVALID. */
export function portOf(c: Container, port: string | number): number {
  const named = typeof port === 'string' ? c.ports?.find((p) => p.name === port)?.containerPort : port;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new AppError('PROBE_INVALID', `couldn't find port: ${JSON.stringify(port)} is no port of container ${c.name}`);
  return number;
}

const seconds = (probe: Probe): string => `${timeoutOf(probe) / 1_000}s`;
