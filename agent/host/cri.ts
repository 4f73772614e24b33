/**
 * What the node's housekeeping asks of its containerd: whether it is up, and to stop all containers in an orderly way.
 */
import { connect } from 'node:net';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import type { Container } from '#cri/gen/cri.ts';

/** Of the host's own containerd, where its package puts it. */
export const HOST_CONTAINERD = '/run/containerd/containerd.sock';
export const HOST_CRI = `unix://${HOST_CONTAINERD}`;

const RUNNING = 'CONTAINER_RUNNING';
/** Upstream's default, for containers that carry no annotation. */
const DEFAULT_GRACE_S = 30;
const GRACE_ANNOTATION = 'io.kubernetes.pod.terminationGracePeriod';

export interface WaitOptions {
  readonly endpoint: string;
  readonly what: 'runtime' | 'runtime and network';
  readonly clock: Clock;
}

/** Returns once the CRI answers and has what is waited for: the network comes later where somebody else configures it. */
export async function waitCri({ endpoint, what, clock }: WaitOptions, signal: AbortSignal): Promise<void> {
  // The client's own retry begins at 100 ms; containerd is up sooner.
  while (!(await listens(endpoint.replace('unix://', '')))) await clock.sleep(2, signal);
  const cri = new CriClient({ endpoint, clock });
  try {
    await cri.waitReady(signal);
    for (;;) {
      const { status } = await cri.runtime.status({ verbose: false }, { signal }).catch((err: unknown) => {
        // It listens before it can answer, the longer the more it finds again.
        if (codeOf(err) !== 'CRI_UNAVAILABLE') throw err;
        return { status: null };
      });
      if (
        status !== null &&
        status.conditions.length > 0 &&
        status.conditions.every(({ type, status: isMet }) => isMet || (what === 'runtime' && type === 'NetworkReady'))
      )
        return;
      await clock.sleep(5, signal);
    }
  } finally {
    cri.close();
  }
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => resolve((socket.destroy(), true)));
    socket.on('error', () => resolve(false));
  });
}

export interface StopOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** Gives every running container its grace period. What does not answer is left to whoever removes the node by force. */
export async function stopContainers(endpoint: string, { clock, signal, onNote }: StopOptions): Promise<void> {
  if (!(await listens(endpoint.replace('unix://', '')))) return;
  const cri = new CriClient({ endpoint, clock });
  try {
    await cri.waitReady(signal);
    const { containers } = await cri.runtime.listContainers({}, { signal });
    const running = containers.filter(({ state }) => state === RUNNING);
    const longest = Math.max(0, ...running.map(graceSeconds));
    if (running.length > 0)
      onNote(`Stopping ${running.length === 1 ? '1 container' : `${running.length} containers`} (up to ${longest} s)`);
    await Promise.all(running.map((container) => stop(cri, container, signal)));
  } catch (err) {
    if (!signal.aborted && codeOf(err) !== 'CRI_UNAVAILABLE') throw err;
  } finally {
    cri.close();
  }
}

const POD_UID = 'io.kubernetes.pod.uid';

/** Stops and removes every pod of the CRI, each with its grace period. Does nothing where no runtime listens. */
export async function removePods(endpoint: string, { clock, signal }: Pick<StopOptions, 'clock' | 'signal'>): Promise<void> {
  if (!(await listens(endpoint.replace('unix://', '')))) return;
  await stopContainers(endpoint, { clock, signal, onNote: () => undefined });
  const cri = new CriClient({ endpoint, clock });
  try {
    const { items } = await cri.runtime.listPodSandbox({}, { signal });
    for (const { id, labels } of items) {
      if (labels[POD_UID] === undefined) continue; // nobody's pod
      await cri.runtime.stopPodSandbox({ pod_sandbox_id: id }, { signal });
      await cri.runtime.removePodSandbox({ pod_sandbox_id: id }, { signal });
    }
  } finally {
    cri.close();
  }
}

async function stop(cri: CriClient, container: Container, signal: AbortSignal): Promise<void> {
  try {
    await cri.runtime.stopContainer({ container_id: container.id, timeout: graceSeconds(container) }, { signal });
  } catch (err) {
    if (codeOf(err) !== 'CRI_NOT_FOUND') throw err;
  }
}

function graceSeconds({ annotations }: Container): number {
  const seconds = Number(annotations[GRACE_ANNOTATION] ?? DEFAULT_GRACE_S);
  return Number.isInteger(seconds) && seconds >= 0 ? seconds : DEFAULT_GRACE_S;
}
