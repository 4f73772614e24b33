/** Manifests as people and programs put them into the directory and change them there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { until } from '../../test/harness/until.ts';
import { pod, shows, watching } from '../test/watched.ts';

test('an empty directory is a complete set of no pods', async (t) => {
  const w = await watching(t);
  assert.deepEqual(w.sets, [{}]);
  assert.deepEqual(w.log, []);
});

test('what lies there at the start comes in the first set, all of it', async (t) => {
  const prepare = (dir: string): void => {
    for (let i = 0; i < 30; i++) writeFileSync(join(dir, `p${i}.yaml`), pod(`p${i}`));
  };
  const w = await watching(t, { prepare });
  assert.equal(Object.keys(w.sets[0] ?? {}).length, 30);
});

test('a file renamed into place is seen, and so is its removal', async (t) => {
  const w = await watching(t);
  writeFileSync(join(w.dir, '..', 'aside'), pod('a'));
  renameSync(join(w.dir, '..', 'aside'), w.at('a.yaml'));
  await shows(w, { a: 'nginx' });
  unlinkSync(w.at('a.yaml'));
  await shows(w, {});
  assert.deepEqual(w.log, []);
});

/** Each changes x.yaml, which holds pod a, into pod a with the image httpd, as the program of its name does. */
const EDITORS: readonly (readonly [name: string, save: (dir: string, text: string) => void])[] = [
  ['a program that writes in place', (dir, text) => writeFileSync(join(dir, 'x.yaml'), text)],
  [
    'a program that writes beside and renames',
    (dir, text) => (writeFileSync(join(dir, '.x.tmp'), text), renameSync(join(dir, '.x.tmp'), join(dir, 'x.yaml'))),
  ],
  ['sed -i', (dir) => execFileSync('sed', ['-i', 's/nginx/httpd/', join(dir, 'x.yaml')])],
  [
    'cp over it',
    (dir, text) => (writeFileSync(join(dir, '..', 'new'), text), execFileSync('cp', [join(dir, '..', 'new'), join(dir, 'x.yaml')])),
  ],
  [
    'cp -p, which keeps the old times',
    (dir, text) => {
      writeFileSync(join(dir, '..', 'new'), text);
      utimesSync(join(dir, '..', 'new'), 1, 1);
      execFileSync('cp', ['-p', join(dir, '..', 'new'), join(dir, 'x.yaml')]);
    },
  ],
  [
    'mv over it',
    (dir, text) => (writeFileSync(join(dir, '..', 'new'), text), execFileSync('mv', [join(dir, '..', 'new'), join(dir, 'x.yaml')])),
  ],
  [
    'vim: a probe, the old one renamed away, the new one written, the old one removed',
    (dir, text) => {
      writeFileSync(join(dir, '.x.yaml.swp'), 'swap');
      writeFileSync(join(dir, '4913'), '');
      unlinkSync(join(dir, '4913'));
      renameSync(join(dir, 'x.yaml'), join(dir, 'x.yaml~'));
      writeFileSync(join(dir, 'x.yaml'), text);
      unlinkSync(join(dir, 'x.yaml~'));
      unlinkSync(join(dir, '.x.yaml.swp'));
    },
  ],
  [
    'emacs: a lock link that leads nowhere, an autosave, a copy kept, written in place',
    (dir, text) => {
      symlinkSync('me@host.1:2', join(dir, '.#x.yaml'));
      writeFileSync(join(dir, '#x.yaml#'), text);
      writeFileSync(join(dir, 'x.yaml~'), readFileSync(join(dir, 'x.yaml')));
      writeFileSync(join(dir, 'x.yaml'), text);
      unlinkSync(join(dir, '#x.yaml#'));
      unlinkSync(join(dir, '.#x.yaml'));
    },
  ],
  [
    'shell redirection in two steps',
    (dir, text) => {
      truncateSync(join(dir, 'x.yaml'));
      appendFileSync(join(dir, 'x.yaml'), text);
    },
  ],
];

for (const [name, save] of EDITORS) {
  test(`an edit is seen whole, by ${name}`, async (t) => {
    const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'x.yaml'), pod('a')) });
    const before = w.uidOf('a');
    save(w.dir, pod('a', 'httpd'));
    await shows(w, { a: 'httpd' });
    assert.notEqual(w.uidOf('a'), before);
    for (const set of w.sets) assert.deepEqual(Object.keys(set), ['a'], 'the backup or half a file was taken for a pod');
    assert.deepEqual(w.refusals(), []);
    assert.deepEqual(
      w.log.filter((l) => !l.includes('Passed over')),
      [],
    );
  });
}

test('a file saved again without a change is the same pod', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'x.yaml'), pod('a')) });
  const before = w.uidOf('a');
  writeFileSync(w.at('x.yaml'), pod('a'));
  writeFileSync(w.at('y.yaml'), pod('b')); // seen after it
  await shows(w, { a: 'nginx', b: 'nginx' });
  assert.equal(w.uidOf('a'), before);
});

test('the same pod from a file of another name is another pod, and never gone in between', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'x.yaml'), pod('a')) });
  const before = w.uidOf('a');
  renameSync(w.at('x.yaml'), w.at('y.yaml'));
  await until('it has another UID', () => w.uidOf('a') !== before);
  for (const set of w.sets) assert.deepEqual(set, { a: 'nginx' });
});

test('a file renamed to a name that is no manifest is gone, and back when it is renamed back', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'x.yaml'), pod('a')) });
  renameSync(w.at('x.yaml'), w.at('x.yaml.off'));
  await shows(w, {});
  await until('it is told', () => w.log.some((l) => /^<6>Passed over a file that is no manifest file=\S+x\.yaml\.off want=/.test(l)));
  renameSync(w.at('x.yaml.off'), w.at('x.yaml'));
  await shows(w, { a: 'nginx' });
});

test('of two files with one pod the first keeps it; when it goes, the second takes over', async (t) => {
  const w = await watching(t, { prepare: (dir) => writeFileSync(join(dir, 'z.yaml'), pod('a', 'first')) });
  writeFileSync(w.at('b.yaml'), pod('a', 'second'));
  await until('it is refused', () => w.refusals().length === 1);
  assert.deepEqual(w.pods(), { a: 'first' });
  assert.match(
    w.log.at(-1) ?? '',
    /^<3>Refused manifest file=\S+b\.yaml err="pod default\/a-n is already defined by \S+z\.yaml: remove one of the two, or rename it" code=MANIFEST_DUPLICATE$/,
  );
  unlinkSync(w.at('z.yaml'));
  await shows(w, { a: 'second' });
  assert.deepEqual(w.refusals(), []);
});

test('links: followed, as a ConfigMap mounts its files, and changed by one rename of ..data', async (t) => {
  const prepare = (dir: string): void => {
    mkdirSync(join(dir, '..v1'));
    mkdirSync(join(dir, '..v2'));
    for (const [version, image] of [
      ['..v1', 'one'],
      ['..v2', 'two'],
    ] as const)
      for (const name of ['a', 'b']) writeFileSync(join(dir, version, `${name}.yaml`), pod(name, image));
    symlinkSync('..v1', join(dir, '..data'));
    for (const name of ['a', 'b']) symlinkSync(`..data/${name}.yaml`, join(dir, `${name}.yaml`));
  };
  const w = await watching(t, { prepare });
  assert.deepEqual(w.sets[0], { a: 'one', b: 'one' });
  symlinkSync('..v2', w.at('..new'));
  renameSync(w.at('..new'), w.at('..data'));
  await shows(w, { a: 'two', b: 'two' });
  assert.equal(w.log.filter((l) => l.startsWith('<3>')).length, 0, 'files of the versions were read as manifests too');
});

test('a link to a file elsewhere whose content changes is found by the slow look', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0));
  const prepare = (dir: string): void => {
    writeFileSync(join(dir, '..', 'elsewhere'), pod('a'));
    symlinkSync('../elsewhere', join(dir, 'a.yaml'));
  };
  const w = await watching(t, { clock, everyMs: 20_000, prepare });
  assert.deepEqual(w.pods(), { a: 'nginx' });
  writeFileSync(join(w.dir, '..', 'aside'), pod('a', 'httpd'));
  renameSync(join(w.dir, '..', 'aside'), join(w.dir, '..', 'elsewhere'));
  await until('it was seen', () => clock.advance(20_000).then(() => w.pods()['a'] === 'httpd'));
});

test('a link that leads nowhere is refused, not passed over; its last good pod keeps running', async (t) => {
  const prepare = (dir: string): void => {
    writeFileSync(join(dir, '..', 'elsewhere'), pod('a'));
    symlinkSync('../elsewhere', join(dir, 'a.yaml'));
  };
  const w = await watching(t, { prepare });
  renameSync(join(w.dir, '..', 'elsewhere'), join(w.dir, '..', 'gone'));
  writeFileSync(w.at('b.yaml'), pod('b')); // makes it look
  await shows(w, { a: 'nginx', b: 'nginx' });
  assert.deepEqual(w.refusals(), ['a.yaml MANIFEST_UNREADABLE: is a link to ../elsewhere, which does not exist']);
  renameSync(join(w.dir, '..', 'gone'), join(w.dir, '..', 'elsewhere'));
  unlinkSync(w.at('b.yaml'));
  await until('it is good again', () => w.refusals().length === 0);
  await shows(w, { a: 'nginx' });
});
