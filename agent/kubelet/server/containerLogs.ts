/**
 * /containerLogs/{namespace}/{pod}/{container}: what a container wrote, with the options of PodLogOptions.
 * Throws, before anything is sent: AppError NOT_FOUND, BAD_REQUEST (what cannot be read), UNPROCESSABLE (what makes no sense).
 */
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { containerLog, podLogs, podName, type Paths } from '../paths.ts';
import type { PodWorkers } from '../pods/workers.ts';
import type { Target } from './access.ts';
import { attemptsOf, findPod, findSpec } from './find.ts';
import { readLog } from './logs.ts';

export interface LogDeps {
  readonly paths: Paths;
  readonly workers: PodWorkers;
  readonly clock: Clock;
}

export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly sinceMs: number | undefined;
  readonly stream: 'stdout' | 'stderr' | undefined;
}

/** Pure. Throws BAD_REQUEST, UNPROCESSABLE. */
export function logQuery(query: URLSearchParams, nowMs: number): LogQuery {
  const sinceSeconds = number(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null)
    throw new AppError('UNPROCESSABLE', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  if (sinceSeconds === 0) throw new AppError('UNPROCESSABLE', 'sinceSeconds: must be greater than 0');
  const sinceMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (sinceMs !== undefined && (Number.isNaN(sinceMs) || !/^\d{4}-\d\d-\d\dT/.test(sinceTime ?? '')))
    throw new AppError('BAD_REQUEST', `sinceTime: want a time such as 2026-01-31T12:00:00Z, got ${JSON.stringify(sinceTime)}`);
  const limitBytes = number(query, 'limitBytes');
  if (limitBytes === 0) throw new AppError('UNPROCESSABLE', 'limitBytes: must be greater than 0');
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    tailLines: number(query, 'tailLines'),
    limitBytes,
    sinceMs: sinceSeconds === undefined ? sinceMs : nowMs - sinceSeconds * 1_000,
    stream: streamOf(query),
  };
}

function streamOf(query: URLSearchParams): 'stdout' | 'stderr' | undefined {
  const stream = query.get('stream') ?? 'All';
  if (stream === 'All') return undefined;
  if (stream !== 'Stdout' && stream !== 'Stderr')
    throw new AppError('BAD_REQUEST', `stream: want All, Stdout or Stderr, got ${JSON.stringify(stream)}`);
  if (query.get('tailLines') !== null)
    throw new AppError('UNPROCESSABLE', '`tailLines` and a specific `stream` are mutually exclusive for now');
  return stream === 'Stdout' ? 'stdout' : 'stderr';
}

function flag(query: URLSearchParams, key: string): boolean {
  const text = query.get(key);
  if (text === null || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1' || text === '') return true;
  throw new AppError('BAD_REQUEST', `${key}: want true or false, got ${JSON.stringify(text)}`);
}

function number(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  if (/^-\d{1,15}$/.test(text)) throw new AppError('UNPROCESSABLE', `${key}: must be greater than or equal to 0`);
  if (!/^\d{1,15}$/.test(text)) throw new AppError('BAD_REQUEST', `${key}: want a whole number, got ${JSON.stringify(text)}`);
  return Number(text);
}

export async function serveContainerLogs(
  { paths, workers, clock }: LogDeps,
  { segments: [, namespace = '', name = '', container = '', ...more], query }: Target,
  res: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (more.length > 0) throw new AppError('NOT_FOUND', 'want namespace, pod and container in the path');
  const { previous, ...wanted } = logQuery(query, clock.nowMs());
  const known = findPod(workers, namespace, name);
  findSpec(known, container);
  const attempt = attemptsOf(known, container)[previous ? 1 : 0];
  if (attempt === undefined) {
    const waiting = [...(known.status?.initContainerStatuses ?? []), ...(known.status?.containerStatuses ?? [])].find(
      (c) => c.name === container,
    )?.state?.waiting;
    throw new AppError(
      'BAD_REQUEST',
      previous
        ? `previous terminated container "${container}" in pod "${name}" not found`
        : `container "${container}" in pod "${name}" is waiting to start: ${waiting?.reason ?? 'no logs available'}`,
    );
  }
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  const file = join(podLogs(paths, podName(known.pod)), containerLog(container, attempt.attempt));
  const stillRuns = (): boolean =>
    workers.pod(`${namespace}/${name}`)?.objects?.containers.some((c) => c.id === attempt.id && c.state === 'running') === true;
  const lines = readLog(file, { ...wanted, clock, stillRuns }, AbortSignal.any([signal, closed.signal]));
  // The first piece before the head, so that a file that cannot be read is told as such.
  let piece = wanted.follow ? undefined : await lines.next();
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  res.flushHeaders();
  piece ??= await lines.next();
  for (; piece.done !== true; piece = await lines.next())
    if (!res.write(piece.value)) await new Promise<void>((resolve) => res.once('drain', resolve).once('close', resolve));
  res.end();
}
