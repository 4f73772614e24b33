/**
 * Makes sure that an image is on the node, by its pull policy. One pull at a time for one image; so many at once for all.
 *
 * Throws: AppError IMAGE_NEVER_PULL (policy Never and not there) or IMAGE_PULL_FAILED with the runtime's own text.
 * Source: "Images" in the Kubernetes docs.
 */
import { AppError, explain } from '#base/errors.ts';
import { Semaphore } from '#base/semaphore.ts';
import type { CriClient } from '#cri/client.ts';
import type { PodSandboxConfig } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';

export interface ImageWish {
  readonly image: string;
  readonly policy: 'Always' | 'IfNotPresent' | 'Never';
  /** Lets the runtime put the pull into the pod's context (registry credentials helpers, cgroup). */
  readonly sandbox?: Input<PodSandboxConfig>;
}

export interface ImageReady {
  /** What the runtime calls it; goes into CreateContainer. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly pulled: boolean;
  /** Who it runs as; neither: root. */
  readonly uid: number | undefined;
  readonly username: string | undefined;
}

export class ImagePuller {
  readonly #client: CriClient;
  readonly #slots: Semaphore;
  readonly #life: AbortSignal;
  readonly #underWay = new Map<string, Promise<void>>();

  /** A pull goes on while the daemon lives, whoever stops waiting for it: the next who asks finds it under way. */
  constructor(client: CriClient, parallel: number, life: AbortSignal) {
    this.#client = client;
    this.#slots = new Semaphore(parallel);
    this.#life = life;
  }

  setParallel(parallel: number): void {
    this.#slots.resize(parallel);
  }

  async ensure({ image, policy, sandbox }: ImageWish, onPull: () => void, signal: AbortSignal): Promise<ImageReady> {
    if (policy !== 'Always') {
      const present = await this.#present(image, signal);
      if (present !== undefined) return { ...present, pulled: false };
      if (policy === 'Never')
        throw new AppError('IMAGE_NEVER_PULL', `Container image "${image}" is not present with pull policy of Never`, { image });
    }
    onPull();
    await this.#pull(image, sandbox, signal);
    const present = await this.#present(image, signal);
    if (present === undefined)
      throw new AppError('IMAGE_PULL_FAILED', `failed to pull image "${image}": the runtime pulled it and does not know it`, { image });
    return { ...present, pulled: true };
  }

  async #present(image: string, signal: AbortSignal): Promise<Omit<ImageReady, 'pulled'> | undefined> {
    const { image: found } = await this.#client.image.imageStatus({ image: { image } }, { signal });
    if (found === null || found.id === '') return undefined;
    const uid = found.uid === null || found.uid === undefined ? undefined : Number(found.uid.value);
    return { id: found.id, sizeBytes: Number(found.size), uid, username: found.username || undefined };
  }

  /** Callers that want the same image share one pull. */
  async #pull(image: string, sandbox: Input<PodSandboxConfig> | undefined, signal: AbortSignal): Promise<void> {
    let pull = this.#underWay.get(image);
    if (pull === undefined) {
      const started = this.#start(image, sandbox).finally(() => this.#underWay.delete(image));
      started.catch(() => undefined); // told to those who wait; nobody may be left
      this.#underWay.set(image, started);
      pull = started;
    }
    await untilAborted(pull, signal);
  }

  async #start(image: string, sandbox: Input<PodSandboxConfig> | undefined): Promise<void> {
    const signal = this.#life;
    try {
      await this.#slots.run(
        () => this.#client.image.pullImage({ image: { image }, ...(sandbox === undefined ? {} : { sandbox_config: sandbox }) }, { signal }),
        signal,
      );
    } catch (err) {
      throw new AppError('IMAGE_PULL_FAILED', `failed to pull and unpack image "${image}": ${explain(err)}`, { image });
    }
  }
}

/** The outcome of work, or the reason of signal if it aborts first; the work itself goes on. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
