/**
 * Rotates the logs of running containers: looks at their sizes now and then, puts large ones aside, has the runtime open new ones, and
 * compresses the older ones.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { Semaphore } from '#base/semaphore.ts';
import { containerLog, podLogs, podName, type Paths } from '../paths.ts';
import type { PodWorkers } from '../pods/workers.ts';
import { planRotation, type RotationLimits } from './rotate.ts';

export interface RotationOptions extends RotationLimits {
  readonly everyMs: number;
  /** Logs that are worked on at once. */
  readonly workers: number;
}

export interface RotationDeps {
  readonly options: RotationOptions;
  readonly clock: Clock;
  readonly log: Logger;
  /** Running containers, with the files they write to. */
  readonly running: () => readonly { readonly id: string; readonly file: string; readonly pod: string; readonly container: string }[];
  /** The runtime goes on in a new file of the same name. */
  readonly reopen: (id: string, signal: AbortSignal) => Promise<void>;
}

export function runningLogs(workers: PodWorkers, paths: Paths): ReturnType<RotationDeps['running']> {
  return workers.pods().flatMap(({ pod, objects }) =>
    (objects?.containers ?? [])
      .filter((c) => c.state === 'running' && c.uid === pod.metadata.uid)
      .map(({ id, name, attempt }) => ({
        id,
        container: name,
        pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
        file: join(podLogs(paths, podName(pod)), containerLog(name, attempt)),
      })),
  );
}

export async function rotateLogs(deps: RotationDeps, signal: AbortSignal): Promise<void> {
  const { clock, options } = deps;
  const slots = new Semaphore(options.workers);
  while (!signal.aborted) {
    await clock.sleep(options.everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    await Promise.all(deps.running().map((c) => slots.run(() => rotateOne(deps, c, signal), signal).catch(() => undefined)));
  }
}

type Running = ReturnType<RotationDeps['running']>[number];

async function rotateOne(
  { options, clock, log, reopen }: RotationDeps,
  { id, file, pod, container }: Running,
  signal: AbortSignal,
): Promise<void> {
  try {
    const found = await stat(file).catch((err: unknown) => {
      if (codeOf(err) === 'ENOENT') return undefined;
      throw err;
    });
    if (found === undefined) return await reopen(id, signal); // left so by a rotation that was broken off
    if (found.size < options.maxBytes) return;
    const dir = dirname(file);
    const plan = planRotation({ log: basename(file), bytes: found.size, names: await readdir(dir) }, options, clock.nowMs());
    for (const name of plan.remove) await rm(join(dir, name), { force: true });
    for (const name of plan.compress) await compress(join(dir, name), signal);
    if (plan.rename === undefined) return;
    const aside = join(dir, plan.rename);
    await rename(file, aside);
    try {
      await reopen(id, signal);
    } catch (err) {
      await rename(aside, file); // it is still written to
      throw err;
    }
  } catch (err) {
    // A container that was removed a moment ago has no log to go on with.
    if (!signal.aborted && codeOf(err) !== 'CRI_NOT_FOUND') log.warn('Cannot rotate container log', { pod, container, err });
  }
}

async function compress(file: string, signal: AbortSignal): Promise<void> {
  const aside = `${file}.gz.tmp`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(aside, { mode: (await stat(file)).mode & 0o777 }), { signal });
  await rename(aside, `${file}.gz`);
  await rm(file);
}
