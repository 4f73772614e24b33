/** The manifest directory watched by the real watcher, until the test ends. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/kinds/core/pod.ts';
import { SystemClock, type Clock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { watchDirectory } from '../../linux/watchDirectory.ts';
import { until } from '../../test/harness/until.ts';
import { MANIFEST_WORDS, ManifestSource, unreadableManifest } from '../sources/manifests.ts';

const HOUR_MS = 3_600_000;

export const pod = (name: string, image = 'nginx'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - name: c\n    image: ${image}\n`;

export interface Watched {
  readonly dir: string;
  readonly at: (...names: string[]) => string;
  /** Pod name without the node's -> image. */
  readonly pods: () => Record<string, string>;
  /** Every set that was handed on, each as pods(). */
  readonly sets: readonly Record<string, string>[];
  readonly uidOf: (name: string) => string | undefined;
  readonly log: readonly string[];
  readonly refusals: () => string[];
}

export interface WatchTest {
  readonly clock?: Clock;
  readonly everyMs?: number;
  /** What lies there before the first look; the directory itself when it is not made here. */
  readonly prepare?: (dir: string) => void;
  /** Below a directory of the test's own. */
  readonly directory?: (own: string) => string;
}

/** Watches a directory of its own until the test ends. With the default there is no slow look: only the watcher can see a change. */
export async function watching(
  t: TestContext,
  { clock = new SystemClock(), everyMs = HOUR_MS, prepare, directory }: WatchTest = {},
): Promise<Watched> {
  const own = mkdtempSync(join(tmpdir(), 'kijabi-watch-'));
  chmodSync(own, 0o755);
  const dir = directory?.(own) ?? join(own, 'manifests');
  if (directory === undefined) mkdirSync(dir);
  prepare?.(dir);
  const stop = new AbortController();
  const log: string[] = [];
  const sets: Record<string, string>[] = [];
  let latest: ReadonlyMap<string, Pod> = new Map();
  const logger = makeLogger({ write: (line) => log.push(line), clock });
  const nameOf = (key: string): string => key.replace(/^default\/(.*)-n$/, '$1');
  const source = new ManifestSource({
    nodeName: 'n',
    clock,
    log: logger,
    onPods: (pods) => {
      latest = pods;
      sets.push(Object.fromEntries([...pods].map(([key, p]) => [nameOf(key), p.spec.containers[0]?.image ?? ''])));
    },
  });
  const running = watchDirectory(
    {
      directory: dir,
      clock,
      log: logger,
      everyMs,
      read: (file, bytes) => source.read(file, bytes),
      refuse: unreadableManifest,
      words: MANIFEST_WORDS,
      onLook: (look) => source.take(look),
    },
    stop.signal,
  );
  t.after(async () => {
    stop.abort();
    await running;
    if (process.getuid?.() === 0) process.seteuid!(0); // a test may have become somebody else
    rmSync(own, { recursive: true, force: true });
  });
  const refusals = (): string[] =>
    source.view().refusals.map(({ file, problem }) => `${file.slice(dir.length + 1)} ${problem.code}: ${problem.message}`);
  // A file that is passed over is told before the look is over; a directory that cannot be read has no look.
  await until('the first look is over', () => sets.length > 0 || log.some((line) => line.startsWith('<3>')));
  return {
    dir,
    at: (...names) => join(dir, ...names),
    pods: () => sets.at(-1) ?? {},
    sets,
    uidOf: (name) => latest.get(`default/${name}-n`)?.metadata.uid,
    log,
    refusals,
  };
}

export const shows = (w: Watched, want: Record<string, string>): Promise<void> =>
  until(`pods are ${JSON.stringify(want)}`, () => isDeepStrictEqual(w.pods(), want));
