/** The story of a pod, from first sight to now: what `kijabi explain pod` tells. Pure. */
import type { Container } from '#api/kinds/core/container.ts';
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { humanDuration } from '#api/print/age.ts';
import type { NextTry, NodeEvent, ProbeFound, Termination, TimelineStep } from '#agent/host/kubeletClient.ts';

export interface Story {
  readonly pod: string;
  readonly uid: string;
  readonly phase: string;
  readonly firstSeenAt: string | undefined;
  readonly steps: readonly StoryStep[];
  readonly containers: readonly StoryContainer[];
  /** Conditions that are not met, with their reasons. */
  readonly unmet: readonly { readonly condition: string; readonly reason: string; readonly message: string }[];
  readonly events: readonly NodeEvent[];
  /** In one sentence each: what holds the pod up. Empty: nothing does. */
  readonly waitsFor: readonly string[];
  /** What each probe found last. */
  readonly probes: readonly ProbeFound[];
  /** The last ends of each container, the newest last, with their last lines. */
  readonly earlierEnds: Readonly<Record<string, readonly Termination[]>>;
  /** Containers in back-off, with when they are tried again. */
  readonly nextTries: readonly { readonly container: string; readonly at: string }[];
}

export interface StoryStep extends TimelineStep {
  /** Since the pod was first seen. */
  readonly afterMs: number;
}

export interface StoryContainer {
  readonly name: string;
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral';
  readonly state: string;
  readonly restarts: number;
  readonly ready: boolean;
  readonly lastEnd?: { readonly reason: string; readonly exitCode: number; readonly at: string; readonly message?: string };
  /** Of the run that ended last, when it ended badly. */
  readonly lastLines?: readonly string[];
}

export interface StoryFacts {
  readonly pod: Pod;
  readonly steps: readonly TimelineStep[];
  readonly events: readonly NodeEvent[];
  /** By container. */
  readonly lastLines: ReadonlyMap<string, readonly string[]>;
  readonly nextTries?: readonly NextTry[];
  readonly probes?: readonly ProbeFound[];
  readonly terminations?: Readonly<Record<string, readonly Termination[]>>;
}

const SEEN = 'kubernetes.io/config.seen';

export function storyOf({ pod, steps, events, lastLines, nextTries = [], probes = [], terminations = {} }: StoryFacts): Story {
  const { metadata, spec, status } = pod;
  const firstSeenAt = metadata.annotations?.[SEEN] ?? status?.startTime;
  const seenMs = Date.parse(firstSeenAt ?? '');
  const begin = Number.isNaN(seenMs) ? (steps[0]?.startedAtMs ?? 0) : seenMs;
  const all = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  const described = (kind: 'init' | 'main' | 'ephemeral') => (c: Container) =>
    container(
      c,
      kind === 'init' && c.restartPolicy === 'Always' ? 'sidecar' : kind,
      all.find((s) => s.name === c.name),
      lastLines,
    );
  const containers = [
    ...(spec.initContainers ?? []).map(described('init')),
    ...spec.containers.map(described('main')),
    ...(spec.ephemeralContainers ?? []).map(described('ephemeral')),
  ];
  const unmet = (status?.conditions ?? [])
    .filter((c) => c.status !== 'True')
    .map((c) => ({ condition: c.type, reason: c.reason ?? '', message: c.message ?? '' }));
  return {
    pod: `${metadata.namespace ?? 'default'}/${metadata.name ?? ''}`,
    uid: metadata.uid ?? '',
    phase: status?.phase ?? 'Pending',
    firstSeenAt,
    steps: steps.map((step) => ({ ...step, afterMs: Math.round(step.startedAtMs - begin) })),
    containers,
    unmet,
    events,
    nextTries: nextTries.map(({ container: name, atMs }) => ({ container: name, at: new Date(atMs).toISOString() })),
    earlierEnds: terminations,
    probes,
    waitsFor: waitsOf(pod, all, { steps, probes }),
  };
}

function container(
  spec: Container,
  kind: StoryContainer['kind'],
  status: ContainerStatus | undefined,
  lastLines: ReadonlyMap<string, readonly string[]>,
): StoryContainer {
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  const lines = lastLines.get(spec.name);
  return {
    name: spec.name,
    kind,
    state: stateOf(status),
    restarts: status?.restartCount ?? 0,
    ready: status?.ready === true,
    ...(ended === undefined
      ? {}
      : {
          lastEnd: {
            reason: ended.reason ?? '',
            exitCode: ended.exitCode,
            at: ended.finishedAt ?? '',
            ...(ended.message === undefined ? {} : { message: ended.message }),
          },
        }),
    ...(lines === undefined || lines.length === 0 ? {} : { lastLines: lines }),
  };
}

function stateOf(status: ContainerStatus | undefined): string {
  const { running, waiting, terminated } = status?.state ?? {};
  if (running !== undefined) return 'running';
  if (terminated !== undefined) return `ended: ${terminated.reason ?? ''} (exit code ${terminated.exitCode})`;
  return `waiting: ${waiting?.reason ?? 'not begun'}`;
}

function waitsOf(
  { status }: Pod,
  all: readonly ContainerStatus[],
  { steps, probes }: { readonly steps: readonly TimelineStep[]; readonly probes: readonly ProbeFound[] },
): string[] {
  const waits = all.flatMap(({ name, state }) => {
    const { waiting } = state ?? {};
    if (waiting === undefined || ['ContainerCreating', 'PodInitializing'].includes(waiting.reason ?? '')) return [];
    return [`container ${name}: ${waiting.reason}${waiting.message === undefined ? '' : `: ${waiting.message}`}`];
  });
  const underWay = steps.filter((s) => s.tookMs === undefined && s.failed !== true);
  const working = underWay.map((s) => `${s.step}${s.container === undefined ? '' : ` of container ${s.container}`}, which is under way`);
  const notReady = all
    .filter((c) => c.state?.running !== undefined && !c.ready && c.started !== undefined) // nobody asks an ephemeral one
    .map((c) => {
      const kind = c.started === false ? 'startup' : 'readiness';
      const found = probes.find((p) => p.container === c.name && p.probe === kind && p.message !== '');
      return `container ${c.name}: it runs and is not ready (its ${kind} probe${found === undefined ? '' : `: ${found.message.trim()}`})`;
    });
  const why = status?.reason === undefined ? [] : [`${status.reason}${status.message === undefined ? '' : `: ${status.message}`}`];
  return [...why, ...waits, ...working, ...notReady];
}

const LINES_SHOWN = 20;

export function storyText(story: Story, nowMs: number): string {
  const out: string[] = [`Pod ${story.pod} is ${story.phase}`];
  if (story.firstSeenAt !== undefined) out[0] += `, first seen ${humanDuration(nowMs - Date.parse(story.firstSeenAt))} ago`;
  if (story.waitsFor.length > 0) out.push('', 'It waits for', ...story.waitsFor.map((text) => `  ${text}`));
  for (const { container: name, at } of story.nextTries)
    out.push(`  container ${name} is tried again at ${at.replace(/\.\d+Z$/, 'Z')}, in ${duration(Date.parse(at) - nowMs)}`);
  if (story.steps.length > 0) {
    out.push('', 'What was done');
    for (const s of story.steps)
      out.push(
        `  ${`+${duration(s.afterMs)}`.padStart(10)}  ${(s.tookMs === undefined ? '...' : duration(s.tookMs)).padStart(9)}  ${s.failed === true ? '✗ ' : ''}${s.step}${s.container === undefined ? '' : ` ${s.container}`}${s.detail === undefined ? '' : `: ${s.detail}`}`,
      );
  }
  out.push('', 'Containers');
  for (const c of story.containers) {
    out.push(
      `  ${c.name}${c.kind === 'main' ? '' : ` (${c.kind})`}: ${c.state}${c.ready ? ', ready' : ''}${c.restarts === 0 ? '' : `, restarted ${c.restarts} times`}`,
    );
    if (c.lastEnd !== undefined)
      out.push(
        `    ended ${c.lastEnd.at} with ${c.lastEnd.reason} (exit code ${c.lastEnd.exitCode})${c.lastEnd.message === undefined ? '' : `: ${c.lastEnd.message.trim()}`}`,
      );
    for (const end of story.earlierEnds[c.name]?.slice(0, -1) ?? [])
      out.push(
        `    run ${end.attempt} ended ${humanDuration(nowMs - end.finishedAtMs)} ago with ${end.reason} (exit code ${end.exitCode})${end.lastLines.length === 0 ? '' : `: ${end.lastLines.at(-1)}`}`,
      );
    if (c.lastLines !== undefined) out.push('    its last lines:', ...c.lastLines.slice(-LINES_SHOWN).map((line) => `      | ${line}`));
  }
  if (story.probes.length > 0) out.push('', 'Probes', ...story.probes.map((found) => `  ${probeLine(found, nowMs)}`));
  if (story.unmet.length > 0)
    out.push(
      '',
      'Conditions that are not met',
      ...story.unmet.map((u) => `  ${u.condition}${u.reason === '' ? '' : `: ${u.reason}`}${u.message === '' ? '' : `: ${u.message}`}`),
    );
  if (story.events.length > 0) {
    out.push('', 'Events');
    for (const e of story.events.toSorted((a, b) => a.lastAtMs - b.lastAtMs))
      out.push(
        `  ${humanDuration(nowMs - e.lastAtMs).padStart(6)} ago  ${e.type === 'Warning' ? '! ' : '  '}${e.reason}${e.count === 1 ? '' : ` (x${e.count})`}: ${e.message.trim()}`,
      );
  }
  return `${out.join('\n')}\n`;
}

const FOUND = { good: 'succeeded', warning: 'succeeded with a warning', bad: 'failed', error: 'could not be asked' } as const;

function probeLine({ container: name, probe, result, times, sinceMs, atMs, tookMs, message }: ProbeFound, nowMs: number): string {
  const often = times === 1 ? '' : ` ${times} times since ${humanDuration(nowMs - sinceMs)} ago`;
  const why = message === '' ? '' : `: ${message.trim()}`;
  return `${name} ${probe} ${FOUND[result]}${often}, last ${humanDuration(nowMs - atMs)} ago in ${duration(tookMs)}${why}`;
}

function duration(ms: number): string {
  return Math.abs(ms) < 10_000 ? `${Math.round(ms)} ms` : humanDuration(ms);
}
