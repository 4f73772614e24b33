/** `kijabi explain pod NAME`: gathers from the kubelet what its story is made of. */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import { codeOf } from '#base/errors.ts';
import { KubeletClient } from '#agent/host/kubeletClient.ts';
import { findPod, kubeletSocket } from './node.ts';
import { storyOf, storyText } from './story.ts';
import type { Io } from './io.ts';

const LAST_LINES = 20;

export interface ExplainPod {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly json: boolean;
  readonly socket: string | undefined;
}

export async function explainPod(io: Io, { name: given, namespace: wanted, json, socket: at }: ExplainPod): Promise<void> {
  const socket = kubeletSocket(io, at);
  const kubelet = new KubeletClient(socket);
  const pod = await findPod(io, socket, given, wanted);
  const { namespace = 'default', name = '' } = pod.metadata;
  const [steps, events, { nextTries, terminations, probes }] = await Promise.all([
    kubelet.timeline(namespace, name, io.signal),
    kubelet.events({ namespace, pod: name }, io.signal),
    kubelet.waitsAndEnds(namespace, name, io.signal),
  ]);
  const lastLines = new Map<string, readonly string[]>();
  for (const status of [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]) {
    const previous = crashed(status);
    if (previous === undefined) continue;
    const query = new URLSearchParams({ tailLines: String(LAST_LINES), ...(previous ? { previous: 'true' } : {}) });
    let text = '';
    await kubelet
      .logs({ namespace, name, container: status.name, query }, (piece) => (text += piece), io.signal)
      .catch((err: unknown) => {
        if (codeOf(err) !== 'KUBELET_ANSWER') throw err; // removed meanwhile
      });
    lastLines.set(
      status.name,
      text.split('\n').filter((line) => line !== ''),
    );
  }
  const story = storyOf({ pod, steps, events, lastLines, nextTries, probes, terminations });
  io.out(json ? `${JSON.stringify(story, undefined, 2)}\n` : storyText(story, io.clock.nowMs()));
}

/** Whether the run that crashed last is the one before the newest; undefined: none crashed. */
function crashed({ state, lastState }: ContainerStatus): boolean | undefined {
  if (state?.terminated !== undefined) return state.terminated.exitCode === 0 ? undefined : false;
  if (lastState?.terminated === undefined || lastState.terminated.exitCode === 0) return undefined;
  // While it waits to be started again, the newest run is the one that crashed.
  return state?.running !== undefined;
}
