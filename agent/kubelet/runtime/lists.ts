/**
 * What the runtime has of a pod, by its name. Who asks in the same turn of the event loop is answered from one list of everything: of many
 * pods that begin at once each would cost two lists else.
 */
import type { CriClient } from '#cri/client.ts';
import type { Container, PodSandbox } from '#cri/gen/cri.ts';
import { POD_NAME, POD_NAMESPACE } from '../pods/labels.ts';

export interface Listed {
  readonly sandboxes: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

interface Asking {
  readonly pods: Set<string>;
  readonly answer: Promise<ReadonlyMap<string, Listed>>;
}

const NOTHING: Listed = { sandboxes: [], containers: [] };

export class PodLists {
  readonly #client: CriClient;
  #asking: Asking | undefined;

  constructor(client: CriClient) {
    this.#client = client;
  }

  /** Of whatever UID. Throws what the runtime says; a list is complete. */
  async of(namespace: string, name: string, signal: AbortSignal): Promise<Listed> {
    const pod = `${namespace}/${name}`;
    this.#asking ??= this.#ask(signal);
    this.#asking.pods.add(pod);
    return (await this.#asking.answer).get(pod) ?? NOTHING;
  }

  #ask(signal: AbortSignal): Asking {
    const pods = new Set<string>();
    const answer = new Promise((resolve) => setImmediate(resolve)).then(async () => {
      this.#asking = undefined;
      const [only, ...others] = pods;
      const filter = only === undefined || others.length > 0 ? {} : { filter: { label_selector: selectorOf(only) } };
      const [{ items }, { containers }] = await Promise.all([
        this.#client.runtime.listPodSandbox(filter, { signal }),
        this.#client.runtime.listContainers(filter, { signal }),
      ]);
      const [sandboxes, all] = [Map.groupBy(items, podOf), Map.groupBy(containers, podOf)];
      return new Map([...pods].map((pod) => [pod, { sandboxes: sandboxes.get(pod) ?? [], containers: all.get(pod) ?? [] }]));
    });
    return { pods, answer };
  }
}

function selectorOf(pod: string): Record<string, string> {
  const [namespace = '', name = ''] = pod.split('/');
  return { [POD_NAMESPACE]: namespace, [POD_NAME]: name };
}

/** <namespace>/<name>; undefined for what is not ours. */
export function podOf({ labels }: { readonly labels: Readonly<Record<string, string>> }): string | undefined {
  const [namespace, name] = [labels[POD_NAMESPACE], labels[POD_NAME]];
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
}
