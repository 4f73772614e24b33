/**
 * What became of images, as upstream counts it. Holds numbers only.
 * Source: the names, labels and buckets of pkg/kubelet/images and pkg/kubelet/metrics of Kubernetes 1.36.
 */
import { Counter, Histogram, Observed, type MetricsRegistry } from '#base/metrics.ts';
import type { ImageAnswer } from '../images/puller.ts';
import type { CheckResult } from '../images/records/act.ts';

const PULL_SECONDS = [1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];
const MIB = 1 << 20;
const GIB = 2 ** 30;
/** An image larger than this has the label. */
const SIZES: readonly (readonly [overBytes: number, label: string])[] = [
  [100 * GIB, 'GT100GB'],
  [60 * GIB, '60GB-100GB'],
  [40 * GIB, '40GB-60GB'],
  [30 * GIB, '30GB-40GB'],
  [20 * GIB, '20GB-30GB'],
  [10 * GIB, '10GB-20GB'],
  [5 * GIB, '5GB-10GB'],
  [GIB, '1GB-5GB'],
  [500 * MIB, '500MB-1GB'],
  [100 * MIB, '100MB-500MB'],
  [10 * MIB, '10MB-100MB'],
  [0, '0-10MB'],
];

export class ImageMetrics {
  readonly #asked: Counter;
  readonly #pullSeconds: Histogram;
  readonly #checks: Counter;
  readonly #removed: Counter;

  constructor(registry: MetricsRegistry, records: () => { readonly pulled: number; readonly intents: number }) {
    this.#asked = registry.add(
      new Counter({
        name: 'kubelet_image_manager_ensure_image_requests_total',
        help: 'Images that containers wanted.',
        labels: ['pull_policy', 'present_locally', 'pull_required'],
      }),
    );
    this.#pullSeconds = registry.add(
      new Histogram({
        name: 'kubelet_image_pull_duration_seconds',
        help: 'How long pulls took, with the wait for their turn.',
        labels: ['image_size_in_bytes'],
        buckets: PULL_SECONDS,
      }),
    );
    this.#checks = registry.add(
      new Counter({
        name: 'kubelet_imagemanager_image_mustpull_checks_total',
        help: 'Checks whether a pod may use an image that is there.',
        labels: ['result'],
      }),
    );
    this.#removed = registry.add(
      new Counter({ name: 'kubelet_image_garbage_collected_total', help: 'Images removed, by why.', labels: ['reason'] }),
    );
    for (const [name, of] of [
      ['pulledrecords', 'pulled'],
      ['pullintents', 'intents'],
    ] as const)
      registry.add(
        new Observed({ name: `kubelet_imagemanager_ondisk_${name}`, help: 'What is remembered of pulls, in files.' }, () => [
          [[], records()[of]],
        ]),
      );
  }

  asked({ policy, present, pull }: ImageAnswer): void {
    this.#asked.inc([policy.toLowerCase(), String(present ?? 'unknown'), String(pull)]);
  }

  pulled(sizeBytes: number, tookMs: number): void {
    const size = SIZES.find(([overBytes]) => sizeBytes > overBytes)?.[1] ?? 'N/A';
    this.#pullSeconds.observe([size], tookMs / 1_000);
  }

  checked(result: CheckResult): void {
    this.#checks.inc([result]);
  }

  removed(reason: 'age' | 'space'): void {
    this.#removed.inc([reason]);
  }
}
