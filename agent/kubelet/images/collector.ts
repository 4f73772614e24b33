/**
 * Removes images that nobody uses, when the disk of the runtime fills up or when they are old: looks every five minutes, and at once
 * when the node is short of disk. When an image was last used is known since the kubelet started, as upstream.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { CriClient } from '#cri/client.ts';
import { imagesToRemove, isTooOld, toFree, type DiskUse, type GcRules, type LocalImage } from './gc.ts';
import type { PullRecords } from './records/act.ts';

export interface CollectorDeps {
  readonly client: CriClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rules: () => GcRules;
  /** Of the file system the images lie on; undefined: not to be found out. */
  readonly disk: () => Promise<DiskUse | undefined>;
  readonly records: Pick<PullRecords, 'prune'>;
  readonly onRemoved?: (why: 'age' | 'space') => void;
  /** Less could be freed than the rules want. */
  readonly onTooLittle?: (wantedBytes: number, freedBytes: number) => void;
}

const EVERY_MS = 5 * 60_000;

export class ImageCollector {
  readonly #deps: CollectorDeps;
  /** Image id -> when it was seen first, and used last. */
  readonly #seen = new Map<string, { readonly firstSeenMs: number; lastUsedMs: number }>();

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      try {
        await this.collect(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (codeOf(err) !== 'CRI_UNAVAILABLE') log.warn('Cannot clean up images', { err });
      }
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }

  /** By the rules. */
  async collect(signal: AbortSignal): Promise<void> {
    const { disk } = this.#deps;
    const rules = this.#deps.rules();
    const use = await disk();
    const freeBytes = use === undefined || rules.highPercent >= 100 ? 0 : toFree(use, rules);
    const freed = await this.#remove(await this.#local(signal), freeBytes, rules, signal);
    if (freeBytes <= 0 || freed >= freeBytes) return;
    this.#deps.log.warn('Cannot free enough disk by removing images', { wantedBytes: freeBytes, freedBytes: freed });
    this.#deps.onTooLittle?.(freeBytes, freed);
  }

  /** All that nobody uses, whatever their age. */
  async collectAll(signal: AbortSignal): Promise<void> {
    await this.#remove(await this.#local(signal), Infinity, { ...this.#deps.rules(), minAgeMs: 0 }, signal);
  }

  async #local(signal: AbortSignal): Promise<LocalImage[]> {
    const { client, clock, records } = this.#deps;
    const sinceMs = clock.nowMs();
    const [{ images }, { containers }, own] = await Promise.all([
      client.image.listImages({}, { signal }),
      client.runtime.listContainers({}, { signal }),
      this.#sandboxImage(signal),
    ]);
    const named = images.map((image) => ({ id: image.id, names: [...image.repo_tags, ...image.repo_digests] }));
    await records.prune(named, sinceMs);
    const nowMs = clock.nowMs();
    const used = new Set(containers.flatMap((c) => [c.image_ref, c.image?.image ?? '', c.image_id]));
    for (const id of this.#seen.keys()) if (!images.some((i) => i.id === id)) this.#seen.delete(id);
    return images.map((image): LocalImage => {
      const names = [image.id, ...image.repo_tags, ...image.repo_digests];
      const inUse = names.some((name) => used.has(name));
      const seen = this.#seen.get(image.id) ?? { firstSeenMs: nowMs, lastUsedMs: nowMs };
      if (inUse) seen.lastUsedMs = nowMs;
      this.#seen.set(image.id, seen);
      const pinned = image.pinned || names.includes(own ?? '');
      return { id: image.id, sizeBytes: Number(image.size), pinned, inUse, ...seen };
    });
  }

  /** What every sandbox runs; containerd before 1.7 does not pin it itself. */
  async #sandboxImage(signal: AbortSignal): Promise<string | undefined> {
    const { info } = await this.#deps.client.runtime.status({ verbose: true }, { signal });
    return /"sandboxImage":\s*"([^"]+)"/.exec(info['config'] ?? '')?.[1];
  }

  async #remove(images: readonly LocalImage[], freeBytes: number, rules: GcRules, signal: AbortSignal): Promise<number> {
    const { client, clock, log } = this.#deps;
    let freed = 0;
    for (const image of imagesToRemove(images, freeBytes, rules, clock.nowMs())) {
      try {
        await client.image.removeImage({ image: { image: image.id } }, { signal });
        freed += image.sizeBytes;
        this.#deps.onRemoved?.(isTooOld(image, rules, clock.nowMs()) ? 'age' : 'space');
        log.info('Removed an image that nobody uses', { image: image.id, sizeBytes: image.sizeBytes });
      } catch (err) {
        signal.throwIfAborted();
        log.warn('Cannot remove an image', { image: image.id, err: explain(err) });
      }
    }
    return freed;
  }
}
