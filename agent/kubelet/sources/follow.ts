/** Follows where static pods come from, a directory and a URL: each as the configuration names it. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { watchDirectory } from '../../linux/watchDirectory.ts';
import { Checkpoint, keptText } from '../checkpoint/act.ts';
import type { Settings } from '../config/settings.ts';
import { lastGoodFile, urlPodsFile, type Paths } from '../paths.ts';
import { fetchManifests } from './http/fetch.ts';
import { LastGood, parseKept, type Kept } from './lastGood.ts';
import { MANIFEST_WORDS, unreadableManifest, type ManifestSource } from './manifests.ts';
import { watchUrl } from './url.ts';

export interface FollowOptions {
  readonly manifests: ManifestSource;
  readonly settings: Pick<Settings, 'staticPodPath' | 'staticPodUrl' | 'fileCheckFrequencyMs'>;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when the signal aborts. */
export async function followStaticPods({ manifests, settings, paths, clock, log }: FollowOptions, signal: AbortSignal): Promise<void> {
  const { staticPodPath, staticPodUrl, fileCheckFrequencyMs: everyMs } = settings;
  if (staticPodPath === undefined && staticPodUrl === undefined) return noManifests(manifests, signal);
  const kept = new Checkpoint<Kept>(lastGoodFile(paths), log);
  const lastGood = new LastGood(staticPodPath ?? '', await kept.load(parseKept), (all) => kept.save(all));
  manifests.remember(lastGood.texts());
  await Promise.all([
    staticPodPath === undefined
      ? undefined
      : watchDirectory(
          {
            directory: staticPodPath,
            clock,
            log,
            everyMs,
            read: (file, bytes) => {
              const reading = manifests.read(file, bytes);
              if (reading.kind === 'pods') lastGood.good(file, bytes);
              return reading;
            },
            refuse: unreadableManifest,
            words: MANIFEST_WORDS,
            onLook: (look) => {
              manifests.take(look);
              lastGood.looked(look.present);
            },
          },
          signal,
        ),
    staticPodUrl === undefined
      ? undefined
      : watchUrl(
          {
            url: staticPodUrl,
            clock,
            log,
            fetch: fetchManifests,
            read: (file, bytes) => manifests.read(file, bytes, 'http'),
            onLook: (look) => manifests.take(look, 'http'),
            kept: keptText(new Checkpoint<string>(urlPodsFile(paths), log)),
          },
          signal,
        ),
  ]);
}

/** No source has no manifests. */
async function noManifests(manifests: ManifestSource, signal: AbortSignal): Promise<void> {
  manifests.take({ readings: new Map(), present: new Set() });
  await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
}
