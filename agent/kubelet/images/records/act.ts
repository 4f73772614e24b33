/**
 * What is remembered of pulls, below image_manager in the root directory as upstream lays it out: pulling/ has a file for each pull that
 * began, pulled/ one for each image with what opened it. What cannot be read counts as pulled with nobody knows what.
 *
 * A pull that was cut off leaves its file: the image, should it be there all the same, is nobody's until somebody has shown credentials.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';
import type { Credentials } from '../credentials.ts';
import { learn, mustVerify, opens, repositoryOf, secretsOf, usedFor, type CredentialMapping, type Verification } from './decide.ts';

const API_VERSION = 'kubelet.config.k8s.io/v1beta1';

/** As upstream's metric calls them. */
export type CheckResult = 'credentialPolicyAllowed' | 'credentialRecordFound' | 'mustAuthenticate';

export interface RecordsOptions {
  readonly rootDir: string;
  readonly verification: Verification;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onCheck?: (result: CheckResult) => void;
}

interface Pulled {
  /** Whether its file says the same. */
  readonly isKept: boolean;
  readonly mapping: CredentialMapping;
  readonly updatedAtMs: number;
}

/** An image as the runtime lists it. */
export interface ListedImage {
  readonly id: string;
  readonly names: readonly string[];
}

export class PullRecords {
  readonly #options: RecordsOptions;
  readonly #pulledDir: string;
  readonly #pullingDir: string;
  /** By the name of their file. */
  readonly #pulled = new Map<string, Pulled>();
  /** File -> image as the pod named it; undefined: nobody knows. */
  readonly #intents = new Map<string, string | undefined>();
  /** File of an intent -> pulls under way for it. */
  readonly #underWay = new Map<string, number>();
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(options: RecordsOptions) {
    this.#options = options;
    const top = join(options.rootDir, 'image_manager');
    this.#pulledDir = join(top, 'pulled');
    this.#pullingDir = join(top, 'pulling');
  }

  static async open(options: RecordsOptions): Promise<PullRecords> {
    const records = new PullRecords(options);
    await records.#readAll(records.#pulledDir, (file, value) => {
      const { imageRef, credentialMapping, lastUpdatedTime } = value ?? {};
      const known = typeof imageRef === 'string' && fileOf(imageRef) === file;
      records.#pulled.set(file, {
        isKept: known,
        mapping: known && isMapping(credentialMapping) ? credentialMapping : {},
        updatedAtMs: typeof lastUpdatedTime === 'string' ? Date.parse(lastUpdatedTime) || 0 : 0,
      });
    });
    await records.#readAll(records.#pullingDir, (file, value) => {
      const image = value?.['image'];
      records.#intents.set(file, typeof image === 'string' ? image : undefined);
    });
    return records;
  }

  get counts(): { readonly pulled: number; readonly intents: number } {
    return { pulled: this.#pulled.size, intents: this.#intents.size };
  }

  /** Of an image that is there. credentials: the pod's, asked only when it depends on them. */
  async mayUse(image: string, id: string, credentials: () => Promise<readonly Credentials[]>): Promise<boolean> {
    const result = await this.#check(image, id, credentials);
    this.#options.onCheck?.(result);
    return result !== 'mustAuthenticate';
  }

  async #check(image: string, id: string, credentials: () => Promise<readonly Credentials[]>): Promise<CheckResult> {
    const repository = repositoryOf(image) ?? '';
    const record = this.#pulled.get(fileOf(id));
    const isPulled = record !== undefined || this.#intents.has(fileOf(image));
    if (!mustVerify(this.#options.verification, repository, isPulled)) return 'credentialPolicyAllowed';
    const known = record !== undefined && Object.hasOwn(record.mapping, repository) ? record.mapping[repository] : undefined;
    if (known?.nodePodsAccessible === true) return 'credentialRecordFound';
    const found = known === undefined ? undefined : opens(known, secretsOf(await credentials()));
    if (found === undefined) return 'mustAuthenticate';
    await this.#remember(id, learn(record?.mapping ?? {}, repository, { kubernetesSecrets: [found] }));
    return 'credentialRecordFound';
  }

  /** Before a pull. Throws what the disk says: without it the pull must not begin. */
  async began(image: string): Promise<void> {
    const file = fileOf(image);
    this.#underWay.set(file, (this.#underWay.get(file) ?? 0) + 1);
    this.#intents.set(file, image);
    try {
      // Also beside another pull of it, whose file may not be written yet.
      await this.#write(this.#pullingDir, file, { kind: 'ImagePullIntent', apiVersion: API_VERSION, image });
    } catch (err) {
      if (this.#leave(file) === 0) this.#intents.delete(file);
      throw err;
    }
  }

  /** used: what the registry took. listed: what else the image is called. */
  async succeeded(image: string, used: Credentials | undefined, listed: ListedImage): Promise<void> {
    const before = this.#pulled.get(fileOf(listed.id))?.mapping;
    const loaded = before === undefined ? this.#namesFromElsewhere(image, listed.names) : [];
    let mapping = learn(before ?? {}, repositoryOf(image) ?? '', usedFor(used));
    for (const repository of loaded) mapping = learn(mapping, repository, { nodePodsAccessible: true });
    const isKept = await this.#remember(listed.id, mapping);
    if (this.#leave(fileOf(image)) === 0 && isKept) await this.#forget(this.#pullingDir, fileOf(image), this.#intents);
  }

  /** It was pulled, or not: nobody knows. Then credentials are asked for until the next clean-up finds it, or not. */
  unsure(image: string): void {
    this.#leave(fileOf(image));
  }

  async failed(image: string): Promise<void> {
    const file = fileOf(image);
    if (this.#leave(file) === 0) await this.#forget(this.#pullingDir, file, this.#intents);
  }

  /** images: all there are on the node, listed after sinceMs. */
  async prune(images: readonly ListedImage[], sinceMs: number): Promise<void> {
    for (const [file, image] of this.#intents) {
      if (this.#underWay.has(file)) continue;
      const found = image === undefined ? undefined : images.find(({ names }) => names.some((name) => fullName(name) === fullName(image)));
      if (found === undefined || (await this.#remember(found.id, this.#pulled.get(fileOf(found.id))?.mapping ?? {})))
        await this.#forget(this.#pullingDir, file, this.#intents);
    }
    const there = new Set(images.map(({ id }) => fileOf(id)));
    for (const [file, { updatedAtMs }] of this.#pulled)
      if (!there.has(file) && updatedAtMs < sinceMs) await this.#forget(this.#pulledDir, file, this.#pulled);
  }

  /** Names that no pull of ours gave it: it was loaded under them. */
  #namesFromElsewhere(image: string, names: readonly string[]): string[] {
    if (this.#options.verification.policy !== 'NeverVerifyPreloadedImages') return [];
    const repository = (name: string | undefined): string | undefined => (name === undefined ? undefined : repositoryOf(name));
    const ours = new Set([image, ...this.#intents.values()].map(repository));
    return [...new Set(names.map(repository))].filter((name) => name !== undefined && !ours.has(name)) as string[];
  }

  /** Whether it is on disk. */
  async #remember(id: string, mapping: CredentialMapping): Promise<boolean> {
    const { clock, log } = this.#options;
    const file = fileOf(id);
    const before = this.#pulled.get(file);
    if (before?.isKept === true && before.mapping === mapping) return true;
    const updatedAtMs = clock.nowMs();
    const learnt = { isKept: false, mapping, updatedAtMs };
    this.#pulled.set(file, learnt);
    const lastUpdatedTime = new Date(updatedAtMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const record = { kind: 'ImagePulledRecord', apiVersion: API_VERSION, lastUpdatedTime, imageRef: id, credentialMapping: mapping };
    try {
      await this.#write(this.#pulledDir, file, record);
      // Unless more was learnt meanwhile, which is written after it.
      if (this.#pulled.get(file) === learnt) this.#pulled.set(file, { ...learnt, isKept: true });
      return true;
    } catch (err) {
      log.warn('Cannot remember who may use an image', { image: id, err });
      return false;
    }
  }

  /** How many pulls of it are still under way. */
  #leave(file: string): number {
    const left = (this.#underWay.get(file) ?? 1) - 1;
    if (left > 0) this.#underWay.set(file, left);
    else this.#underWay.delete(file);
    return left;
  }

  async #forget<T>(dir: string, file: string, known: Map<string, T>): Promise<void> {
    const before = known.get(file);
    // First: what is learnt while the file goes is written after it.
    known.delete(file);
    try {
      await this.#inOrder(() => rm(join(dir, file), { force: true }));
    } catch (err) {
      if (before !== undefined && !known.has(file)) known.set(file, before);
      this.#options.log.warn('Cannot remove what was remembered of a pull', { file: join(dir, file), err });
    }
  }

  async #write(dir: string, file: string, value: object): Promise<void> {
    const path = join(dir, file);
    await this.#inOrder(() => replaceFile(path, `${JSON.stringify(value)}\n`, { mode: 0o600, dirMode: 0o700 }));
  }

  /** One after the other: the last word about a file is the last one written. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastWrite.then(work);
    this.#lastWrite = done.catch(() => undefined);
    return done;
  }

  async #readAll(dir: string, found: (file: string, value: Readonly<Record<string, unknown>> | undefined) => void): Promise<void> {
    const files = await readdir(dir).catch((err: unknown) => {
      if (codeOf(err) === 'ENOENT') return [];
      throw err;
    });
    for (const file of files) {
      if (!/^sha256-[0-9a-f]{64}$/.test(file)) continue;
      try {
        const value: unknown = JSON.parse(await readFile(join(dir, file), 'utf8'));
        if (typeof value !== 'object' || value === null) throw new TypeError('want an object');
        found(file, value as Readonly<Record<string, unknown>>);
      } catch (err) {
        this.#options.log.warn('Cannot read what was remembered of a pull', {
          file: join(dir, file),
          err,
        });
        found(file, undefined);
      }
    }
  }
}

function fileOf(name: string): string {
  return `sha256-${createHash('sha256').update(name).digest('hex')}`;
}

/** "docker.io/library/nginx:latest" of "nginx", so that names of pods and of the runtime can be compared. */
function fullName(image: string): string {
  const [named = '', digest] = image.split('@');
  const tag = named.slice(named.lastIndexOf('/') + 1).split(':')[1] ?? 'latest';
  return `${repositoryOf(image) ?? image}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

function isMapping(value: unknown): value is CredentialMapping {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((v: unknown) => {
    if (typeof v !== 'object' || v === null) return false;
    const { nodePodsAccessible = false, kubernetesSecrets = [] } = v as Record<string, unknown>;
    const isText = (s: unknown): boolean => typeof s === 'string';
    return (
      typeof nodePodsAccessible === 'boolean' &&
      Array.isArray(kubernetesSecrets) &&
      kubernetesSecrets.every(
        (s: unknown) =>
          typeof s === 'object' &&
          s !== null &&
          ['uid', 'namespace', 'name', 'credentialHash'].every((key) => isText((s as Record<string, unknown>)[key])),
      )
    );
  });
}
