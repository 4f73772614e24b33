/** What does not belong into a manifest directory, and a directory that itself comes, goes and changes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { ManualClock } from '#base/clock.ts';
import { until } from '../../test/harness/until.ts';
import { objectMutation, spoil, spoilText, textMutation, validPod } from '../test/podArbitrary.ts';
import { pod, shows, watching } from '../test/watched.ts';

const NOBODY = 65_534;

const ODD: readonly (readonly [name: string, make: (path: string, t: TestContext) => unknown, message: RegExp])[] = [
  ['a directory', (path) => mkdirSync(path), /^is a directory: manifests are read from the directory itself, not from those below it$/],
  ['a FIFO', (path) => execFileSync('mkfifo', [path]), /^is no regular file$/],
  [
    'a socket',
    async (path, t) => {
      const server = createServer();
      t.after(() => server.close());
      await new Promise<void>((resolve) => server.listen(path, resolve));
    },
    /^is no regular file$/,
  ],
  ['a link to a device', (path) => symlinkSync('/dev/zero', path), /^is no regular file$/],
  ['a link to itself', (path) => symlinkSync(path.split('/').at(-1) ?? '', path), /^cannot be read: ELOOP/],
  ['a file that answers reads with an error', (path) => symlinkSync('/proc/self/mem', path), /^cannot be read: EIO/],
  [
    'a file of 10 MiB and a byte',
    (path) => (writeFileSync(path, ''), truncateSync(path, (10 << 20) + 1)),
    /^has 10485761 bytes, at most 10485760 are read$/,
  ],
  [
    'a file with holes of a terabyte',
    (path) => (writeFileSync(path, ''), truncateSync(path, 2 ** 40)),
    /^has 1099511627776 bytes, at most 10485760 are read$/,
  ],
];

for (const [name, make, message] of ODD) {
  test(`${name} named x.yaml is refused, the pods beside it run, and it is read once it is a manifest`, async (t) => {
    const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'good.yaml'), pod('good')) });
    await make(w.at('x.yaml'), t);
    await until('it is refused', () => w.refusals().length === 1);
    const [code, text] = w
      .refusals()[0]!
      .replace(/^x\.yaml /, '')
      .split(/: (.*)/s);
    assert.equal(code, 'MANIFEST_UNREADABLE');
    assert.match(text!, message);
    assert.deepEqual(w.pods(), { good: 'nginx' });
    assert.equal(w.log.filter((l) => l.startsWith('<3>Refused manifest')).length, 1);
    rmSync(w.at('x.yaml'), { recursive: true });
    writeFileSync(w.at('x.yaml'), pod('x'));
    await shows(w, { good: 'nginx', x: 'nginx' });
    assert.deepEqual(w.refusals(), []);
  });
}

test(
  'a file that may not be read is refused and its last good pod keeps running; it is read once it may be',
  { skip: process.getuid?.() === 0 ? false : 'needs root, to become somebody else' },
  async (t) => {
    const clock = new ManualClock(Date.UTC(2026, 0));
    const w = await watching(t, { clock, everyMs: 20_000, prepare: (dir) => writeFileSync(join(dir, 'a.yaml'), pod('a')) });
    const asRoot = (work: () => void): void => {
      process.seteuid!(0);
      work();
      process.seteuid!(NOBODY);
    };
    asRoot(() => chmodSync(w.at('a.yaml'), 0));
    await until('it is refused', () => clock.advance(20_000).then(() => w.refusals().length === 1));
    assert.match(w.refusals()[0]!, /^a\.yaml MANIFEST_UNREADABLE: cannot be read: EACCES: permission denied/);
    assert.deepEqual(w.pods(), { a: 'nginx' });
    asRoot(() => chmodSync(w.at('a.yaml'), 0o644));
    await until('it is read', () => clock.advance(20_000).then(() => w.refusals().length === 0));
    // The same of the whole directory: nothing can be listed, so nothing ends.
    asRoot(() => chmodSync(w.dir, 0));
    await until('it is told', () => clock.advance(20_000).then(() => w.log.some((l) => l.includes('Cannot read manifest directory'))));
    for (let i = 0; i < 5; i++) await clock.advance(20_000);
    assert.deepEqual(w.pods(), { a: 'nginx' });
    assert.equal(
      w.log.filter((l) => /^<3>Cannot read manifest directory, its pods keep running as they are .*EACCES.* code=EACCES$/.test(l)).length,
      1,
    );
    asRoot(() => (chmodSync(w.dir, 0o755), writeFileSync(w.at('b.yaml'), pod('b'))));
    await until('it is read again', () => clock.advance(20_000).then(() => w.pods()['b'] !== undefined));
  },
);

test('a file still open for writing is not read half-way, however long it takes; the log says whom it waits for', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const w = await watching(t, { clock });
  const text = pod('a').replace('nginx', 'nginx:1.29'); // cut in two, its first half is a good pod of another image
  const fd = openSync(w.at('a.yaml'), 'w');
  writeSync(fd, text.slice(0, -6));
  await until('it is told', () => clock.advance(1_000).then(() => w.log.length > 0));
  for (let i = 0; i < 20; i++) await clock.advance(1_000);
  assert.deepEqual(w.log, [
    `<6>Manifest is still being written, it is read when its writer closes it file=${w.at('a.yaml')} pid=${process.pid}`,
  ]);
  writeSync(fd, text.slice(-6));
  closeSync(fd);
  await until('it is read', () => clock.advance(1_000).then(() => w.pods()['a'] !== undefined));
  assert.deepEqual(w.sets, [{}, { a: 'nginx:1.29' }]);
});

test('a manifest that is a link is read again when what it leads to changes, and when the link is turned', async (t) => {
  const w = await watching(t);
  const [one, two] = ['one', 'two'].map((name) => w.at('..', name)) as [string, string];
  writeFileSync(one, pod('a'));
  writeFileSync(two, pod('a', 'caddy'));
  symlinkSync(one, w.at('a.yaml'));
  await shows(w, { a: 'nginx' });
  writeFileSync(one, pod('a', 'httpd'));
  await shows(w, { a: 'httpd' });
  symlinkSync(two, w.at('..', 'next'));
  renameSync(w.at('..', 'next'), w.at('a.yaml'));
  await shows(w, { a: 'caddy' });
});

test('a file being rewritten keeps its last good pod until it is closed', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'a.yaml'), pod('a')) });
  const fd = openSync(w.at('a.yaml'), 'w');
  writeSync(fd, 'apiVersion: v1\n');
  writeFileSync(w.at('b.yaml'), pod('b'));
  await shows(w, { a: 'nginx', b: 'nginx' });
  writeSync(fd, pod('a', 'httpd').slice('apiVersion: v1\n'.length));
  closeSync(fd);
  await shows(w, { a: 'httpd', b: 'nginx' });
  assert.deepEqual(w.refusals(), []);
});

test('the directory removed and made again: one line, the pods go on, and changes are seen again', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const w = await watching(t, { clock, prepare: (dir) => writeFileSync(join(dir, 'a.yaml'), pod('a')) });
  renameSync(w.dir, `${w.dir}-gone`); // in one step: a look half-way through a removal rightly sees a directory without the file
  await until('it is told', () => w.log.length > 0);
  for (let i = 0; i < 10; i++) await clock.advance(1_000);
  assert.deepEqual(w.pods(), { a: 'nginx' });
  mkdirSync(w.dir);
  writeFileSync(w.at('b.yaml'), pod('b'));
  await until('it is read again', () => clock.advance(1_000).then(() => w.pods()['b'] !== undefined));
  assert.deepEqual(w.pods(), { b: 'nginx' }, 'the list is complete again: what is not there has gone');
  const told = w.log.filter((l) => l.startsWith('<3>'));
  assert.deepEqual(told, [
    `<3>Cannot read manifest directory, its pods keep running as they are directory=${w.dir} err="${w.dir} does not exist: create it (mkdir -p ${w.dir})" code=MANIFEST_DIR_MISSING`,
  ]);
  writeFileSync(w.at('c.yaml'), pod('c')); // by the watcher: time stands still
  await shows(w, { b: 'nginx', c: 'nginx' });
});

test('the directory renamed away while it is read: no pod goes', async (t) => {
  const MANY = 60;
  const w = await watching(t, {
    everyMs: 1,
    prepare: (dir) => {
      for (let i = 0; i < MANY; i++) writeFileSync(join(dir, `${i}.yaml`), pod(`p${i}`));
    },
  });
  // A look takes some milliseconds, and with these pauses the renames come at every part of it.
  for (let round = 0; round < 30; round++) {
    renameSync(w.dir, `${w.dir}-away`);
    await pause(round % 3);
    renameSync(`${w.dir}-away`, w.dir);
    await pause(round % 7);
  }
  writeFileSync(w.at('last.yaml'), pod('last'));
  await until('it is read after all', () => w.pods()['last'] !== undefined);
  assert.deepEqual(
    w.sets.filter((set) => Object.keys(set).length < MANY),
    [],
  );
});

test('the directory replaced at once by another of its name is watched anew', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'a.yaml'), pod('a')) });
  mkdirSync(`${w.dir}.new`);
  writeFileSync(join(`${w.dir}.new`, 'b.yaml'), pod('b'));
  renameSync(w.dir, `${w.dir}.old`);
  renameSync(`${w.dir}.new`, w.dir);
  await shows(w, { b: 'nginx' });
  writeFileSync(w.at('c.yaml'), pod('c'));
  await shows(w, { b: 'nginx', c: 'nginx' });
});

test('the directory removed and made again before anybody looked is watched anew', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'a.yaml'), pod('a')) });
  rmSync(w.dir, { recursive: true });
  mkdirSync(w.dir); // file systems give it the number of the old one
  writeFileSync(w.at('b.yaml'), pod('b'));
  await shows(w, { b: 'nginx' });
  writeFileSync(w.at('c.yaml'), pod('c'));
  await shows(w, { b: 'nginx', c: 'nginx' });
  unlinkSync(w.at('b.yaml'));
  await shows(w, { c: 'nginx' });
});

test('a directory that does not exist yet is waited for', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const w = await watching(t, { clock, directory: (own) => join(own, 'later', 'manifests') });
  assert.deepEqual(w.sets, [], 'no set before the directory was seen');
  assert.match(w.log[0] ?? '', /^<3>Cannot read manifest directory, .* code=MANIFEST_DIR_MISSING$/);
  mkdirSync(w.dir, { recursive: true });
  await until('it is seen', () => clock.advance(1_000).then(() => w.sets.length > 0));
  writeFileSync(w.at('a.yaml'), pod('a'));
  await shows(w, { a: 'nginx' });
  assert.equal(w.log.length, 1);
});

test('a directory that is a file is told as such and waited for', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const directory = (own: string): string => (writeFileSync(join(own, 'manifests'), ''), join(own, 'manifests'));
  const w = await watching(t, { clock, directory });
  assert.match(w.log[0] ?? '', /^<3>Cannot read manifest directory, .*ENOTDIR.* code=ENOTDIR$/);
  unlinkSync(w.dir);
  mkdirSync(w.dir);
  writeFileSync(w.at('a.yaml'), pod('a'));
  await until('it is seen', () => clock.advance(1_000).then(() => w.pods()['a'] !== undefined));
});

test('the directory is a link that is turned to another directory: the slow look finds it, and then it is watched', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const directory = (own: string): string => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(own, version));
      writeFileSync(join(own, version, 'a.yaml'), pod('a', version));
    }
    symlinkSync('v1', join(own, 'manifests'));
    return join(own, 'manifests');
  };
  const w = await watching(t, { clock, everyMs: 20_000, directory });
  assert.deepEqual(w.pods(), { a: 'v1' });
  unlinkSync(w.dir);
  symlinkSync('v2', w.dir);
  await until('it was seen', () => clock.advance(20_000).then(() => w.pods()['a'] === 'v2'));
  writeFileSync(w.at('b.yaml'), pod('b')); // by the watcher: time stands still
  await shows(w, { a: 'v2', b: 'nginx' });
});

test('200 files at once come, change and go', async (t) => {
  const w = await watching(t);
  const names = Array.from({ length: 200 }, (_, i) => `p${i}`);
  for (const name of names) writeFileSync(w.at(`${name}.yaml`), pod(name));
  await shows(w, Object.fromEntries(names.map((n) => [n, 'nginx'])));
  for (const name of names) {
    writeFileSync(w.at('.aside'), pod(name, 'httpd'));
    renameSync(w.at('.aside'), w.at(`${name}.yaml`));
  }
  await shows(w, Object.fromEntries(names.map((n) => [n, 'httpd'])));
  for (const name of names) unlinkSync(w.at(`${name}.yaml`));
  await shows(w, {});
  assert.deepEqual(w.refusals(), []);
});

test('spoiled manifests, hundreds of them, leave the good pod beside them alone', { timeout: 120_000 }, async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'good.yaml'), pod('the-good-one')) });
  const before = w.uidOf('the-good-one');
  const spoiled = fc
    .tuple(validPod, fc.array(objectMutation, { maxLength: 2 }), fc.array(textMutation, { maxLength: 2 }))
    .map(([p, objects, texts]) => {
      let value: unknown = p;
      for (const m of objects) value = spoil(value as Record<string, unknown>, m).value;
      let bytes: Uint8Array = Buffer.from(stringify(value, { version: '1.1' }));
      for (const m of texts) bytes = spoilText(bytes, m);
      return bytes;
    });
  let count = 0;
  const seen = { refused: 0, taken: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(spoiled, { minLength: 10, maxLength: 20 }), async (files) => {
      const marker = `marker-${count}`;
      for (const bytes of files) writeFileSync(w.at(`s${count++}.yaml`), bytes);
      writeFileSync(w.at(`${marker}.yaml`), pod(marker)); // written last: when it is seen, so are the others
      await until(`${marker} is seen`, () => w.pods()[marker] !== undefined);
      assert.equal(w.pods()['the-good-one'], 'nginx');
      assert.equal(w.uidOf('the-good-one'), before);
    }),
    { numRuns: 20, endOnFailure: true },
  );
  for (const refusal of w.refusals()) assert.doesNotMatch(refusal, /cannot be read/, 'the reader threw');
  seen.refused = new Set(w.refusals().map((r) => r.split(' ')[0])).size;
  seen.taken = Object.keys(w.pods()).length;
  assert.ok(count >= 200 && seen.refused > 50 && seen.taken > 30, JSON.stringify({ count, ...seen }));
});
