/** /runningpods/: what the runtime itself says runs, also what no manifest knows of. Throws: AppError CRI_*. */
import * as names from '../pods/labels.ts';
import type { CriRuntime } from '../runtime/cri.ts';

export async function runningPods(runtime: CriRuntime, signal: AbortSignal): Promise<object> {
  const cri = runtime.client.runtime;
  const [sandboxes, containers] = await Promise.all([
    cri.listPodSandbox({ filter: { state: { state: 'SANDBOX_READY' } } }, { signal }),
    cri.listContainers({ filter: { state: { state: 'CONTAINER_RUNNING' } } }, { signal }),
  ]);
  const byUid = Map.groupBy(containers.containers, (c) => c.labels[names.POD_UID] ?? '');
  const items = sandboxes.items
    .filter((s) => s.metadata !== null)
    .map(({ metadata }) => ({
      metadata: { name: metadata?.name, namespace: metadata?.namespace, uid: metadata?.uid, creationTimestamp: null },
      spec: {
        containers: (byUid.get(metadata?.uid ?? '') ?? []).map((c) => ({
          name: c.labels[names.CONTAINER_NAME] ?? c.metadata?.name,
          image: c.image?.user_specified_image || c.image?.image,
          resources: {},
        })),
      },
      status: {},
    }));
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}
