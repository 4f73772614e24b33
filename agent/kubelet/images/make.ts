/** Puts the parts together that bring images here: who pulled what with which secret, whose secrets there are, the pulls. Nothing decided. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { CriClient } from '#cri/client.ts';
import type { Settings } from '../config/settings.ts';
import type { ImageMetrics } from '../metrics/imageMetrics.ts';
import type { ObjectsOf } from '../objects/source.ts';
import { PullCredentials } from './observe.ts';
import { ImagePuller } from './puller.ts';
import { PullRecords } from './records/act.ts';

export interface ImagesDeps {
  readonly settings: Settings;
  readonly client: CriClient;
  readonly objectsOf: ObjectsOf;
  readonly metrics: ImageMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** life: of the kubelet; pulls end with it. */
export async function makeImages({ settings, client, objectsOf, metrics, clock, log }: ImagesDeps, life: AbortSignal) {
  const { rootDir } = settings;
  const records = await PullRecords.open({
    rootDir,
    verification: settings.pullVerification,
    clock,
    log,
    onCheck: (result) => metrics.checked(result),
  });
  const puller = new ImagePuller({
    client,
    clock,
    parallel: settings.maxParallelImagePulls,
    rate: settings.registryPulls,
    records,
    life,
    onAnswer: (answer) => metrics.asked(answer),
    onPulled: (sizeBytes, tookMs) => metrics.pulled(sizeBytes, tookMs),
  });
  return { records, puller, credentials: new PullCredentials(objectsOf, rootDir) };
}
