/** Reads a Debian package back, with dpkg-deb. Throws what dpkg-deb says. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#agent/linux/exec.ts';
import type { Deb, DebEntry } from './lint.ts';

const UNPACK_WITHIN_MS = 10 * 60_000;

export async function readDeb(file: string, signal: AbortSignal): Promise<Deb> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-deb-'));
  try {
    const options = { signal, timeoutMs: UNPACK_WITHIN_MS, env: { LC_ALL: 'C.UTF-8', TZ: 'UTC' } };
    const { stdout } = await run(['dpkg-deb', '--contents', file], options);
    await run(['dpkg-deb', '--raw-extract', file, dir], options);
    const parts = await readdir(join(dir, 'DEBIAN'));
    const control = await Promise.all(
      parts.map(async (name) => {
        const path = join(dir, 'DEBIAN', name);
        return { name, text: await readFile(path, 'utf8'), mode: (await stat(path)).mode & 0o7777 };
      }),
    );
    const entries: DebEntry[] = [];
    for (const line of stdout.split('\n').filter(Boolean)) {
      const entry = readLine(line);
      entries.push(entry.kind === 'file' ? { ...entry, md5: await md5(join(dir, entry.path)) } : entry);
    }
    return { control, entries };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** "-rw-r--r-- root/root 123 2026-01-01 00:00 ./usr/x", as tar lists. Throws RangeError for anything else. */
export function readLine(line: string): DebEntry {
  const found = /^([-dlh])(\S{9}) (\S+) +\d+ \S+ \S+ \.(\/.*?)(?: (?:->|link to) (.*))?$/.exec(line);
  if (found === null) throw new RangeError(`dpkg-deb lists what is not understood: ${line}`);
  const [, type, bits = '', owner = '', path = '', target] = found;
  const kind = type === 'd' ? 'directory' : type === '-' ? 'file' : 'link';
  return { path, kind, mode: modeOf(bits), owner, ...(target === undefined ? {} : { target }) };
}

/** "rwxr-xr-x" */
function modeOf(bits: string): number {
  const plain = Array.from(bits).reduce((mode, bit) => (mode << 1) | (bit === '-' || bit === 'S' || bit === 'T' ? 0 : 1), 0);
  const special =
    (/s/i.test(bits[2] ?? '') ? 0o4000 : 0) | (/s/i.test(bits[5] ?? '') ? 0o2000 : 0) | (/t/i.test(bits[8] ?? '') ? 0o1000 : 0);
  return plain | special;
}

async function md5(path: string): Promise<string> {
  return createHash('md5')
    .update(await readFile(path))
    .digest('hex');
}
