import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { codeOf } from '#base/errors.ts';
import { indexTar, paxRecord, writeTar, type TarEntry } from './tar.ts';

const never = new AbortController().signal;

async function archive(entries: readonly TarEntry[], mtimeSec = 0): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(entries, mtimeSec, never)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-tar-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Short and long, ASCII and not, so that ustar, its prefix and pax are all met. */
const part = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9._-]{1,12}$/),
    fc.stringMatching(/^[a-zA-Z0-9 +,=@_-]{40,120}$/),
    fc.constantFrom('한국어', 'größe', 'a\nb', '\u{1f600}', '-x', "it's", '*', '\\n'),
  )
  .filter((p) => p !== '.' && p !== '..');
const mode = fc.constantFrom(0o644, 0o755, 0o600, 0o1777, 0o444);

interface Node {
  readonly path: string;
  readonly leaf: { readonly kind: 'file'; readonly text: string } | { readonly kind: 'symlink'; readonly target: string };
  readonly mode: number;
}
const leaf = fc.oneof(
  fc.record({
    kind: fc.constant('file' as const),
    text: fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('x'.repeat(512), 'y'.repeat(1_025))),
  }),
  fc.record({ kind: fc.constant('symlink' as const), target: fc.array(part, { minLength: 1, maxLength: 4 }).map((p) => p.join('/')) }),
);
const tree: fc.Arbitrary<readonly Node[]> = fc.array(
  fc.record({ path: fc.array(part, { minLength: 1, maxLength: 4 }).map((p) => p.join('/')), leaf, mode }),
  { minLength: 1, maxLength: 8 },
);

/** Drops what cannot be in one tree (a file that is also a folder), and adds the folders. */
function toEntries(nodes: readonly Node[]): TarEntry[] {
  const leaves = new Map<string, Node>();
  for (const node of nodes) {
    const clash = [...leaves.keys()].some((p) => p === node.path || p.startsWith(`${node.path}/`) || node.path.startsWith(`${p}/`));
    if (!clash) leaves.set(node.path, node);
  }
  const folders = new Set(
    [...leaves.keys()].flatMap((p) =>
      p
        .split('/')
        .slice(0, -1)
        .map((_, i, all) => all.slice(0, i + 1).join('/')),
    ),
  );
  return [
    ...[...folders].map((path) => ({ kind: 'directory', path, mode: 0o755 }) as const),
    ...[...leaves.values()].map(({ path, leaf, mode }) =>
      leaf.kind === 'symlink'
        ? ({ kind: 'symlink', path, target: leaf.target } as const)
        : ({ kind: 'file', path, mode, content: { kind: 'bytes', bytes: Buffer.from(leaf.text) } } as const),
    ),
  ];
}

test('GNU tar extracts what went in: names, contents, modes, links', async () => {
  const seen = { pax: 0, prefix: 0, symlink: 0 };
  await fc.assert(
    fc.asyncProperty(tree, async (nodes) => {
      const entries = toEntries(nodes);
      const bytes = await archive(entries, 1_000_000_000);
      if (bytes.includes(' path=')) seen.pax += 1;
      if (entries.some((e) => e.path.length > 100 && /^[\x20-\x7e]+$/.test(e.path))) seen.prefix += 1;
      if (entries.some((e) => e.kind === 'symlink')) seen.symlink += 1;
      await inFolder(async (dir) => {
        await execa('tar', ['-xp', '--delay-directory-restore', '-f', '-', '-C', dir], { input: bytes });
        assert.deepEqual(below(dir), entries.map((e) => e.path).sort());
        for (const entry of entries) assert.deepEqual(onDisk(join(dir, entry.path)), expected(entry));
      });
    }),
    { numRuns: 60 },
  );
  assert.ok(seen.pax > 5 && seen.prefix > 5 && seen.symlink > 5, `the interesting cases are too rare: ${JSON.stringify(seen)}`);
});

/** A walk of our own, because a recursive readdir goes through links to folders. */
function below(dir: string): string[] {
  const walk = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...walk(path)] : [path];
    });
  return walk(dir)
    .map((path) => relative(dir, path))
    .sort();
}

function expected(entry: TarEntry): object {
  if (entry.kind === 'symlink') return { kind: 'symlink', target: entry.target };
  const facts = { mode: entry.mode, mtimeSec: 1_000_000_000 };
  if (entry.kind === 'directory') return { kind: 'directory', ...facts };
  return { kind: 'file', ...facts, text: entry.content.kind === 'bytes' ? Buffer.from(entry.content.bytes).toString() : '' };
}

function onDisk(path: string): object {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(path) };
  const facts = { mode: stat.mode & 0o7777, mtimeSec: stat.mtimeMs / 1_000 };
  return stat.isDirectory() ? { kind: 'directory', ...facts } : { kind: 'file', ...facts, text: readFileSync(path, 'utf8') };
}

test('a link to a folder that is in the archive too stays a link', async () => {
  const entries: TarEntry[] = [
    { kind: 'directory', path: 'real', mode: 0o755 },
    { kind: 'file', path: 'real/file', mode: 0o644, content: { kind: 'bytes', bytes: Buffer.from('x') } },
    { kind: 'symlink', path: 'link', target: 'real' },
  ];
  const bytes = await archive(entries);
  await inFolder(async (dir) => {
    await execa('tar', ['-xpf', '-', '-C', dir], { input: bytes });
    assert.deepEqual(below(dir), ['link', 'real', 'real/file']);
    assert.deepEqual(onDisk(join(dir, 'link')), { kind: 'symlink', target: 'real' });
  });
});

test('the order of the entries does not matter', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.infiniteStream(fc.nat(1_000)), async (nodes, dice) => {
      const entries = toEntries(nodes);
      const shuffled = entries
        .map((entry) => ({ entry, at: dice.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ entry }) => entry);
      assert.ok((await archive(entries)).equals(await archive(shuffled)));
    }),
  );
});

test('owners are numbers, and root where nothing is said', async () => {
  const bytes = await archive([
    { kind: 'directory', path: 'a', mode: 0o755 },
    { kind: 'directory', path: 'b', mode: 0o700, owner: { uid: 999, gid: 65_534 } },
  ]);
  const { stdout } = await execa('tar', ['--numeric-owner', '-tvf', '-'], { input: bytes, env: { TZ: 'UTC' } });
  assert.deepEqual(stdout.replaceAll(/ +/g, ' ').split('\n'), [
    'drwxr-xr-x 0/0 0 1970-01-01 00:00 a/',
    'drwx------ 999/65534 0 1970-01-01 00:00 b/',
  ]);
});

test('a file on disk is streamed; one that grew or shrank meanwhile is refused', async () => {
  await inFolder(async (dir) => {
    const path = join(dir, 'big');
    writeFileSync(path, Buffer.alloc(700_000, 7));
    const entry = (sizeBytes: number): TarEntry => ({ kind: 'file', path: 'big', mode: 0o644, content: { kind: 'disk', path, sizeBytes } });
    const bytes = await archive([entry(700_000)]);
    assert.equal(bytes.length % 10_240, 0);
    const { stdout } = await execa('tar', ['-xOf', '-', 'big'], { input: bytes, encoding: 'buffer' });
    assert.ok(Buffer.from(stdout).equals(Buffer.alloc(700_000, 7)));
    await assert.rejects(archive([entry(699_999)]), { code: 'IMAGES_FILE_CHANGED' });
    await assert.rejects(archive([entry(700_001)]), { code: 'IMAGES_FILE_CHANGED' });
  });
});

test('paths that leave the root, and the same path twice, are refused', async () => {
  const dir = (path: string): TarEntry => ({ kind: 'directory', path, mode: 0o755 });
  for (const path of ['', '/etc', '../x', 'a/../b', 'a//b', 'a/', './a', 'a\0b'])
    await assert.rejects(archive([dir(path)]), { code: 'IMAGES_TAR_INVALID' }, JSON.stringify(path));
  await assert.rejects(archive([dir('a'), dir('b'), dir('a')]), { code: 'IMAGES_TAR_INVALID' });
});

test('a pax record counts its own digits', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 1_100 }), (value) => {
      const record = paxRecord('path', value);
      assert.equal(Number(record.split(' ')[0]), Buffer.byteLength(record));
    }),
  );
});

test('the index of an archive finds each file, and a damaged archive is refused', async () => {
  const text = (path: string, content: string): TarEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    content: { kind: 'bytes', bytes: Buffer.from(content) },
  });
  const bytes = await archive([
    text('index.json', '{}'),
    { kind: 'directory', path: 'blobs', mode: 0o755 },
    text('blobs/x', 'y'.repeat(600)),
    text('empty', ''),
  ]);
  const index = async (content: Buffer): Promise<Record<string, string>> =>
    inFolder(async (dir) => {
      const path = join(dir, 'a.tar');
      writeFileSync(path, content);
      const handle = await open(path);
      try {
        const members = [...(await indexTar(handle, path)).values()];
        return Object.fromEntries(members.map((m) => [m.path, content.toString('utf8', m.offset, m.offset + m.sizeBytes)]));
      } finally {
        await handle.close();
      }
    });
  assert.deepEqual(await index(bytes), { 'blobs/x': 'y'.repeat(600), empty: '', 'index.json': '{}' });
  for (const length of [0, 100, 512, 1_024, 2_000])
    await assert.rejects(index(bytes.subarray(0, length)), { code: 'IMAGES_ARCHIVE_DAMAGED' }, String(length));
  await fc.assert(
    fc.asyncProperty(fc.nat(511), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at]! + by) % 256;
      try {
        await index(damaged);
      } catch (err) {
        assert.equal(codeOf(err), 'IMAGES_ARCHIVE_DAMAGED');
        return;
      }
      assert.ok(at >= 148 && at < 156, `byte ${at} of the header was changed unnoticed`); // a NUL or space of the checksum field itself
    }),
    { numRuns: 200 },
  );
});
