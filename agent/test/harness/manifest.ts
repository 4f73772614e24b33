/** Manifests for tests, as JSON (which is YAML too). */
import { BUSYBOX_IMAGE } from './ociImage.ts';

export interface TestPod {
  readonly name: string;
  /** Run by sh -c. */
  readonly script?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A pod with one busybox container named c that sleeps, ended without a grace period. */
export function manifest({ name, script = 'exec sleep 3600', labels, container = {}, spec = {} }: TestPod): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...(labels === undefined ? {} : { labels }) },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...container }],
      ...spec,
    },
  });
}
