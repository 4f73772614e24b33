/** What a start of a node reports while it goes on, as plain data: for a terminal, for a log, for another process. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { TimelineStep } from './kubeletClient.ts';

/** In the order in which people see them; images, kubelet and proxy go on side by side. */
export const STEPS = ['machine', 'packages', 'node', 'images', 'kubelet', 'proxy', 'pod', 'http'] as const;
/** The API server comes with `kijabi up` alone. */
export type StepName = (typeof STEPS)[number] | 'apiserver';

export interface PodView {
  readonly pod: Pod;
  readonly steps: readonly TimelineStep[];
}

export interface Answer {
  readonly status: number;
  /** "HTTP/1.1 200 OK". */
  readonly statusLine: string;
  readonly server: string | undefined;
  readonly title: string | undefined;
  readonly tookMs: number;
}

/** The node serves, or has nothing that could. */
export interface Serving {
  readonly node: string;
  readonly pods: readonly Pod[];
  /** The pod the port leads to. */
  readonly pod: string | undefined;
  readonly podIP: string | undefined;
  readonly url: string | undefined;
  readonly answer: Answer | undefined;
  /** Milliseconds of each step: ours by name, those inside the pod as the kubelet calls them. */
  readonly steps: Readonly<Record<string, number>>;
  readonly tookMs: number;
  readonly name: string;
  readonly manifestsDir: string;
  readonly servicesDir: string;
  /** The example's manifest; absent with a directory of the user's. */
  readonly example: string | undefined;
  /** A service of the example, as "10.96.0.80:80". */
  readonly service: string | undefined;
  /** Where the groups of its processes are. */
  readonly cgroupDir: string;
  readonly podLogsDir: string;
  readonly logs: Readonly<Record<string, string>>;
  /** Of the administrator, for programs on the host; absent: there is no API server. */
  readonly kubeconfig?: string | undefined;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly next: string | undefined;
}

export type Progress =
  | { readonly kind: 'begun'; readonly step: StepName; readonly text: string }
  | { readonly kind: 'going'; readonly step: StepName; readonly text: string }
  | { readonly kind: 'done'; readonly step: StepName; readonly text: string; readonly tookMs: number }
  | { readonly kind: 'pods'; readonly views: readonly PodView[] }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'change'; readonly pod: string; readonly text: string }
  | { readonly kind: 'serving'; readonly serving: Serving }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** Stopped by the user before it served. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'ended'; readonly tookMs: number };

export type Report = (progress: Progress) => void;
