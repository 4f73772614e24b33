/**
 * "did you mean": what an unknown field was probably meant to be. Pure; runs only when there is something to complain about.
 */
import { formatPath, keyOf, type Segment } from '#api/fieldPath.ts';
import type { Schema } from '#api/schema.ts';

export interface Suggestion {
  /** To be put behind "unknown field, ". */
  readonly text: string;
  readonly suggestion: string;
}

/** Words people use for a field that is called something else. */
const SLIPS = new Map<string, readonly string[]>(
  Object.entries({
    cmd: ['command'],
    entrypoint: ['command'],
    arguments: ['args'],
    environment: ['env'],
    envs: ['env'],
    envvars: ['env'],
    mounts: ['volumeMounts'],
    volumemount: ['volumeMounts'],
    resource: ['resources'],
    pullpolicy: ['imagePullPolicy'],
    cwd: ['workingDir'],
    workdir: ['workingDir'],
    workingdirectory: ['workingDir'],
    graceperiodseconds: ['terminationGracePeriodSeconds'],
    readiness: ['readinessProbe'],
    liveness: ['livenessProbe'],
    healthcheck: ['livenessProbe'],
    pullsecrets: ['imagePullSecrets'],
    serviceaccount: ['serviceAccountName'],
    selectors: ['selector'],
    tags: ['labels'],
  }),
);

export function suggestField(root: Schema, path: readonly Segment[], name: string): Suggestion | undefined {
  const here = schemaAt(root, path);
  if (here === undefined) return undefined;
  const names = Object.keys(here.properties ?? {});
  const plain = fold(name);
  const sameWord = names.find((n) => fold(n) === plain) ?? SLIPS.get(plain)?.find((n) => names.includes(n));
  if (sameWord !== undefined) return meant(sameWord);
  const [near, nearest] = closest(names, name);
  if (near !== undefined && nearest <= 1) return meant(near);
  const place = elsewhere(root, path, name);
  if (place !== undefined) return { text: `it belongs in ${place}`, suggestion: place };
  return near !== undefined && nearest <= (name.length >= 8 ? 3 : name.length >= 4 ? 2 : 0) ? meant(near) : undefined;
}

const meant = (name: string): Suggestion => ({ text: `did you mean ${name}?`, suggestion: name });
const fold = (name: string): string => name.toLowerCase().replaceAll(/[-_\s]/g, '');

function resolve(schema: Schema | undefined): Schema | undefined {
  const target = schema?.['x-kijabi-ref'];
  return target === undefined ? schema : target();
}

export function schemaAt(root: Schema, path: readonly Segment[]): Schema | undefined {
  let schema = resolve(root);
  for (const segment of path) {
    if (schema === undefined) return undefined;
    const { additionalProperties: values, properties } = schema;
    if (typeof segment === 'number') schema = resolve(schema.items);
    else if (properties !== undefined && Object.hasOwn(properties, segment)) schema = resolve(properties[segment]);
    else schema = typeof values === 'object' ? resolve(values) : undefined;
  }
  return schema;
}

export function closest(names: readonly string[], name: string): readonly [string | undefined, number] {
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of names) {
    const distance = editDistance(candidate.toLowerCase(), name.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return [best, least];
}

/** A right field at the wrong depth, the commonest slip of indentation: in something around it, or one step further in. */
function elsewhere(root: Schema, path: readonly Segment[], name: string): string | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const outer = path.slice(0, depth);
    const properties = schemaAt(root, outer)?.properties;
    if (properties !== undefined && Object.hasOwn(properties, name)) return depth === 0 ? 'the top level' : formatPath(outer);
  }
  const here = schemaAt(root, path);
  // Required fields first: a lost `image` belongs to a container rather than to a volume.
  const children = Object.entries(here?.properties ?? {}).toSorted(([a], [b]) => order(here, a) - order(here, b));
  for (const [child, schema] of children) {
    const inner = schema.type === 'array' ? schema.items : schema;
    if (inner?.properties !== undefined && Object.hasOwn(inner.properties, name)) {
      return `${formatPath([...path, child])}${schema.type === 'array' ? '[]' : ''}`;
    }
  }
  return undefined;
}

const order = (schema: Schema | undefined, name: string): number => (schema?.required?.includes(name) === true ? 0 : 1);

const LONGEST_NAME = 60;

/** Insertions, deletions, replacements and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3 || a.length > LONGEST_NAME || b.length > LONGEST_NAME) return Infinity;
  let twoAgo: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (twoAgo[j - 2] ?? 0) + 1);
      row.push(least);
    }
    twoAgo = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The closest of these words, when it is close enough to have been meant. */
export function suggestWord(words: readonly string[], word: string): string | undefined {
  const sameWord = words.find((w) => fold(w) === fold(word));
  if (sameWord !== undefined) return sameWord;
  const [near, distance] = closest(words, word);
  return distance <= (word.length >= 6 ? 2 : 1) ? near : undefined;
}

/** The path as keys of the document itself, for looking it up there. */
export function documentPath(path: readonly Segment[]): readonly Segment[] {
  return path.map(keyOf);
}
