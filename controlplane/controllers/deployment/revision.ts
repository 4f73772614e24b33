/**
 * Numbers of versions, and what a version takes over from its deployment. Pure.
 * Source: the annotations that kubectl rollout history, undo and status read.
 */
import type { Version } from './sizes.ts';
import { DESIRED, MAXIMUM } from './sizes.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
/** Longest text of past revisions. Source: upstream. */
const LONGEST = 2_000;

const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  HISTORY,
  DESIRED,
  MAXIMUM,
  'deprecated.deployment.rollback.to',
]);

type Annotations = Readonly<Record<string, string>>;

export const revisionOf = (annotations: Annotations | undefined): number => {
  const text = annotations?.[REVISION] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
};

/** What the deployment says of itself goes to its newest version; what was taken away stays there. */
export const passedOn = (deployment: Annotations | undefined): Annotations =>
  Object.fromEntries(Object.entries(deployment ?? {}).filter(([key]) => !OWN.has(key)));

export function nextRevision(old: readonly Version[]): number {
  return 1 + Math.max(0, ...old.map(({ annotations }) => revisionOf(annotations)));
}

/** An old version that is the newest again gets a new number, and remembers those it had. */
export function renumbered(annotations: Annotations, deployment: Annotations | undefined, revision: number): Annotations {
  const all = { ...annotations, ...passedOn(deployment) };
  const before = all[REVISION];
  if (before !== undefined && revisionOf(all) >= revision) return all;
  const next = { ...all, [REVISION]: String(revision) };
  return before === undefined ? next : { ...next, [HISTORY]: remembered(all[HISTORY], before) };
}

function remembered(history: string | undefined, revision: string): string {
  const all = [...(history ?? '').split(',').filter((text) => text !== ''), revision];
  while (all.length > 1 && all.join(',').length > LONGEST) all.shift();
  return all.join(',');
}
