/**
 * A wall clock for programs of a test (libfaketime): those started with its environment see it move within a second. What they measure
 * durations with is the machine's own clock.
 */
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface WallClock {
  readonly env: Readonly<Record<string, string>>;
  /** How far from the true time it is from now on. Units: seconds. */
  set(offsetSeconds: number): void;
}

export function makeWallClock(dir: string, name: string): WallClock {
  const library = readdirSync('/usr/lib')
    .map((arch) => `/usr/lib/${arch}/faketime/libfaketimeMT.so.1`)
    .find((file) => existsSync(file));
  if (library === undefined) throw new Error('libfaketime is missing (Debian: faketime)');
  const file = join(dir, `${name}.time`);
  const set = (offsetSeconds: number): void => {
    writeFileSync(`${file}.new`, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  const settings = { FAKETIME_CACHE_DURATION: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' };
  return { env: { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: file, ...settings }, set };
}
