/**
 * The pods of all sources as one set. Pure but for what it remembers.
 * A static pod wins over a pod of the API with its name: it is here whatever the API says. Such a pod of the API stays as it is and is named.
 */
import type { Pod } from '#api/kinds/core/pod.ts';

type Pods = ReadonlyMap<string, Pod>;

export interface PodSetOptions {
  /** Without an API server its part is complete from the beginning. */
  readonly hasApi: boolean;
  /** isComplete: what is not among them is not wanted by anybody. */
  readonly onPods: (pods: Pods, isComplete: boolean) => void;
  /** Keys of pods of the API that a static pod stands in the way of. */
  readonly onShadowed?: (keys: readonly string[]) => void;
}

export class PodSet {
  readonly #options: PodSetOptions;
  #static: Pods | undefined;
  #api: Pods | undefined;

  constructor(options: PodSetOptions) {
    this.#options = options;
    if (!options.hasApi) this.#api = new Map();
  }

  setStatic(pods: Pods): void {
    this.#static = pods;
    this.#tell();
  }

  setApi(pods: Pods): void {
    this.#api = pods;
    this.#tell();
  }

  #tell(): void {
    if (this.#static === undefined) return; // nothing is begun before it is known what has the first right to a name
    const { onPods, onShadowed } = this.#options;
    const all = new Map([...(this.#api ?? []), ...this.#static]);
    onPods(all, this.#api !== undefined);
    const shadowed = [...(this.#api ?? new Map<string, Pod>()).keys()].filter((key) => this.#static?.has(key) === true);
    if (shadowed.length > 0) onShadowed?.(shadowed);
  }
}
