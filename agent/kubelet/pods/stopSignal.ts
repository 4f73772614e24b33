/**
 * Sends a container the signal its manifest names, where the runtime does not do so itself: runtimes before CRI 1.33 (containerd 1.x)
 * know the signal of the image only, so the kubelet sends the other one to the container's first process.
 */
import { kill } from '../../linux/signal.ts';
import type { ActDeps } from './act.ts';

export interface SignalledStop {
  readonly id: string;
  /** SIGUSR1, SIGRTMIN+3, … */
  readonly name: string;
  readonly graceMs: number;
}

const LOOK_EVERY_MS = 100;

/** True: the container ended. False: StopContainer has to do it, because it knows the signal or the time is over. */
export async function stopWithSignal(
  { runtime, clock }: Pick<ActDeps, 'runtime' | 'clock'>,
  { id, name, graceMs }: SignalledStop,
  signal: AbortSignal,
): Promise<boolean> {
  const { status, info } = await runtime.client.runtime.containerStatus({ container_id: id, verbose: true }, { signal });
  const ownWord = status?.stop_signal;
  if (status?.state !== 'CONTAINER_RUNNING' || graceMs <= 0 || (ownWord !== undefined && ownWord !== 'RUNTIME_DEFAULT')) return false;
  const pid = pidOf(info['info'] ?? '');
  if (pid === undefined || !kill(pid, name)) return false;
  const endMs = clock.monotonicMs() + graceMs;
  while (clock.monotonicMs() < endMs) {
    await clock.sleep(Math.min(LOOK_EVERY_MS, endMs - clock.monotonicMs()), signal);
    const now = await runtime.client.runtime.containerStatus({ container_id: id, verbose: false }, { signal });
    if (now.status?.state !== 'CONTAINER_RUNNING') return true;
  }
  // The time is over: what follows is a kill.
  await runtime.client.runtime.stopContainer({ container_id: id, timeout: 0 }, { signal });
  return true;
}

function pidOf(info: string): number | undefined {
  const pid = /"pid":\s*(\d+)/.exec(info)?.[1];
  return pid === undefined || Number(pid) <= 1 ? undefined : Number(pid);
}
