/**
 * Makes sure that an image is on the node, by its pull policy. One pull at a time for one image; so many at once for all.
 *
 * Throws: AppError IMAGE_NAME_INVALID, IMAGE_NEVER_PULL (policy Never and not there) or IMAGE_PULL_FAILED with the runtime's own text.
 * Differs: a pull that is over registryPullQPS waits for its turn; upstream fails it, and its pod is in back-off for that.
 * Source: "Images" in the Kubernetes docs.
 */
import { AppError, explain } from '#base/errors.ts';
import { Semaphore } from '#base/semaphore.ts';
import type { Clock } from '#base/clock.ts';
import { TokenBucket, unlimited, type Limiter } from '#client/rateLimit.ts';
import type { CriClient } from '#cri/client.ts';
import type { PodSandboxConfig } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';
import type { Credentials } from './credentials.ts';
import { parseImageName } from './name.ts';
import { progressText } from './progress.ts';
import type { ListedImage, PullRecords } from './records/act.ts';

export interface ImageWish {
  readonly image: string;
  readonly policy: 'Always' | 'IfNotPresent' | 'Never';
  /** Lets the runtime put the pull into the pod's context (registry credentials helpers, cgroup). */
  readonly sandbox?: Input<PodSandboxConfig>;
  /** Tried one after the other; none: without any. Asked only when there is a pull, or an image that not every pod may use. */
  readonly credentials?: () => Promise<readonly Credentials[]>;
  /** Told now and then how far the pull is. */
  readonly onProgress?: (text: string) => void;
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

/** What somebody wanted to know of an image, and what came of it. */
export interface ImageAnswer {
  readonly policy: ImageWish['policy'];
  /** undefined: it was not asked. */
  readonly present: boolean | undefined;
  readonly pull: boolean;
}

export interface PullerOptions {
  readonly client: CriClient;
  readonly clock: Clock;
  readonly parallel: number;
  /** Pulls a second, with a burst; 0: no limit. */
  readonly rate: { readonly qps: number; readonly burst: number };
  readonly records: Pick<PullRecords, 'mayUse' | 'began' | 'succeeded' | 'failed' | 'unsure'>;
  readonly life: AbortSignal;
  readonly onAnswer?: (answer: ImageAnswer) => void;
  readonly onPulled?: (sizeBytes: number, tookMs: number) => void;
}

/** As the runtime has it. */
type Present = Omit<ImageReady, 'pulled'> & Pick<ListedImage, 'names'>;

/** How often a pull under way is asked how far it is. */
const PROGRESS_MS = 1_000;

export class ImagePuller {
  readonly #client: CriClient;
  readonly #slots: Semaphore;
  readonly #life: AbortSignal;
  readonly #limiter: Limiter;
  readonly #clock: Clock;
  readonly #records: PullerOptions['records'];
  readonly #tell: Pick<PullerOptions, 'onAnswer' | 'onPulled'>;
  /** Image and credentials -> its pull. */
  readonly #underWay = new Map<string, { readonly done: Promise<Present>; readonly listeners: Set<(text: string) => void> }>();
  /** Images of which it is being asked whether they are there. */
  readonly #asked = new Map<string, Promise<Present | undefined>>();
  /** Pulls that the runtime works on. */
  #pulling = 0;

  /** A pull goes on while the daemon lives, whoever stops waiting for it: the next who asks finds it under way. */
  constructor({ client, clock, parallel, rate, records, life, ...tell }: PullerOptions) {
    this.#client = client;
    this.#records = records;
    this.#tell = tell;
    this.#clock = clock;
    this.#slots = new Semaphore(parallel);
    this.#limiter = rate.qps > 0 ? new TokenBucket({ ...rate, burst: Math.max(1, rate.burst), clock }) : unlimited;
    this.#life = life;
  }

  setParallel(parallel: number): void {
    this.#slots.resize(parallel);
  }

  async ensure(wish: ImageWish, onPull: () => void, signal: AbortSignal): Promise<ImageReady> {
    const { image, policy } = wish;
    const name = parseImageName(image);
    if (typeof name === 'string')
      throw new AppError(
        'IMAGE_NAME_INVALID',
        `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${name}`,
        { image },
      );
    const { credentials = async () => [] } = wish;
    let asked: Promise<readonly Credentials[]> | undefined;
    const own = (): Promise<readonly Credentials[]> => (asked ??= credentials());
    const present = policy === 'Always' ? undefined : await this.#isPresent(image, signal);
    if (present !== undefined && (await this.#records.mayUse(image, present.id, own))) {
      this.#tell.onAnswer?.({ policy, present: true, pull: false });
      return { ...present, pulled: false };
    }
    this.#tell.onAnswer?.({
      policy,
      present: policy === 'Always' ? undefined : present !== undefined,
      pull: policy !== 'Never' || present !== undefined,
    });
    if (policy === 'Never') throw neverPull(image, present !== undefined);
    onPull();
    const startedMs = this.#clock.monotonicMs();
    const ready = await this.#pull({ ...wish, credentials: own }, signal);
    this.#tell.onPulled?.(ready.sizeBytes, this.#clock.monotonicMs() - startedMs);
    return { ...ready, pulled: true };
  }

  /** Whoever asks for the same image while the answer is under way shares it. */
  #isPresent(image: string, signal: AbortSignal): Promise<Present | undefined> {
    let answer = this.#asked.get(image);
    if (answer === undefined) {
      answer = this.#present(image, this.#life).finally(() => this.#asked.delete(image));
      this.#asked.set(image, answer);
    }
    return untilAborted(answer, signal);
  }

  async #present(image: string, signal: AbortSignal): Promise<Present | undefined> {
    const { image: found } = await this.#client.image.imageStatus({ image: { image } }, { signal });
    if (found === null || found.id === '') return undefined;
    const uid = found.uid === null || found.uid === undefined ? undefined : Number(found.uid.value);
    const names = [...found.repo_tags, ...found.repo_digests];
    return { id: found.id, names, sizeBytes: Number(found.size), uid, username: found.username || undefined };
  }

  /** Callers that want the same image with the same credentials share one pull. */
  async #pull({ image, sandbox, credentials, onProgress }: ImageWish, signal: AbortSignal): Promise<Present> {
    const auths = (await credentials?.()) ?? [];
    const key = JSON.stringify([image, auths]);
    let pull = this.#underWay.get(key);
    if (pull === undefined) {
      const listeners = new Set<(text: string) => void>();
      const done = this.#start({ image, sandbox, auths, listeners }).finally(() => this.#underWay.delete(key));
      done.catch(() => undefined); // told to those who wait; nobody may be left
      pull = { done, listeners };
      this.#underWay.set(key, pull);
    }
    if (onProgress !== undefined) pull.listeners.add(onProgress);
    return untilAborted(pull.done, signal).finally(() => onProgress !== undefined && pull.listeners.delete(onProgress));
  }

  async #start(pull: Pull): Promise<Present> {
    const { image } = pull;
    let used: Credentials | undefined;
    try {
      used = await this.#slots.run(async () => {
        await this.#records.began(image);
        return this.#tryAll(pull).catch(async (err: unknown) => {
          await this.#records.failed(image);
          throw err;
        });
      }, this.#life);
    } catch (err) {
      throw new AppError('IMAGE_PULL_FAILED', `failed to pull and unpack image "${image}": ${explain(err)}`, { image });
    }
    const present = await this.#present(image, this.#life).catch((err: unknown) => {
      this.#records.unsure(image);
      throw err;
    });
    if (present === undefined) {
      await this.#records.failed(image);
      throw new AppError('IMAGE_PULL_FAILED', `failed to pull image "${image}": the runtime pulled it and does not know it`, { image });
    }
    await this.#records.succeeded(image, used, present);
    return present;
  }

  /** Those that the registry took; undefined: it wanted none. */
  async #tryAll(pull: Pull): Promise<Credentials | undefined> {
    const signal = this.#life;
    const failures: unknown[] = [];
    for (const auth of pull.auths.length === 0 ? [undefined] : pull.auths) {
      await this.#limiter.take(signal);
      const failure = await this.#pullOnce(pull, auth).then(
        () => undefined,
        (err: unknown) => err ?? new Error('no reason'),
      );
      if (failure === undefined) return auth;
      signal.throwIfAborted();
      failures.push(failure);
    }
    throw failures.length === 1 ? failures[0] : new Error(failures.map(explain).join('; '));
  }

  async #pullOnce({ image, sandbox, listeners }: Pull, auth: Credentials | undefined): Promise<void> {
    const ended = new AbortController();
    this.#pulling += 1;
    void this.#followProgress(listeners, AbortSignal.any([ended.signal, this.#life]));
    try {
      await this.#client.image.pullImage(
        {
          image: { image },
          ...(auth === undefined ? {} : { auth: { username: auth.username, password: auth.password } }),
          ...(sandbox === undefined ? {} : { sandbox_config: sandbox }),
        },
        { signal: this.#life },
      );
    } finally {
      this.#pulling -= 1;
      ended.abort();
    }
  }

  /** A runtime that cannot tell is not asked again for this pull. */
  async #followProgress(listeners: ReadonlySet<(text: string) => void>, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#clock.sleep(PROGRESS_MS, signal);
        const text = progressText(await this.#client.containerdDownloads(signal), this.#pulling);
        if (text !== undefined && !signal.aborted) for (const tell of listeners) tell(text);
      }
    } catch {
      // the pull ended, or there is nothing to follow; the pull itself says what went wrong
    }
  }
}

interface Pull {
  readonly image: string;
  readonly sandbox: Input<PodSandboxConfig> | undefined;
  readonly auths: readonly Credentials[];
  readonly listeners: ReadonlySet<(text: string) => void>;
}

/** Differs: upstream says of an image that is there and not for this pod that it is not there, and no more. */
function neverPull(image: string, isThere: boolean): AppError {
  const why = isThere ? ': it is on the node, pulled with credentials that this pod does not have' : '';
  return new AppError('IMAGE_NEVER_PULL', `Container image "${image}" is not present with pull policy of Never${why}`, { image });
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
