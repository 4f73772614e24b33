import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layoutOf, ROLES, type Layout } from './layout.ts';
import { planInstall, planUninstall, staleUnits, type InstallInput, type InstallRecord, type Seen, type Step } from './plan.ts';

const UNIT = { path: '/u/a.service', source: 's/a.service', mode: 0o644, config: false };
const CONFIG = { path: '/etc/a.yaml', source: 's/a.yaml', mode: 0o600, config: true };
const LAYOUT: Layout = { role: 'node', files: [UNIT, CONFIG], links: new Map([['/bin/a', '/p/a']]), units: ['a.service'] };
const SOURCES = new Map([
  ['s/a.service', 'unit2'],
  ['s/a.yaml', 'conf2'],
]);
const RECORD: InstallRecord = {
  version: '0',
  role: 'node',
  files: { '/u/a.service': 'unit1', '/etc/a.yaml': 'conf1' },
  links: { '/bin/a': '/p/a' },
  units: ['a.service'],
};
const file = (sha256: string, mode = 0o644): Seen => ({ kind: 'file', sha256, mode });
const input = (seen: Record<string, Seen>, over: Partial<InstallInput> = {}): InstallInput => ({
  layout: LAYOUT,
  record: undefined,
  seen: new Map(Object.entries(seen)),
  sources: SOURCES,
  others: new Map(),
  ...over,
});
const words = (steps: readonly Step[]): string[] => steps.map((s) => `${s.kind} ${s.path}`);
const OURS: Record<string, Seen> = { '/bin/a': { kind: 'link', target: '/p/a' } };

for (const [name, given, steps, problems] of [
  ['nothing there: everything is made', input({}), ['write /u/a.service', 'write /etc/a.yaml', 'link /bin/a'], 0],
  ['all there already: nothing', input({ ...OURS, '/u/a.service': file('unit2'), '/etc/a.yaml': file('conf2', 0o600) }), [], 0],
  [
    'an older version, untouched: both are brought up to date',
    input({ ...OURS, '/u/a.service': file('unit1'), '/etc/a.yaml': file('conf1', 0o600) }, { record: RECORD }),
    ['write /u/a.service', 'write /etc/a.yaml'],
    0,
  ],
  [
    'a configuration changed by hand is kept',
    input({ ...OURS, '/u/a.service': file('unit2'), '/etc/a.yaml': file('mine', 0o600) }, { record: RECORD }),
    ['keep /etc/a.yaml'],
    0,
  ],
  [
    'a configuration that was there before is kept',
    input({ '/etc/a.yaml': file('mine', 0o600) }),
    ['write /u/a.service', 'keep /etc/a.yaml', 'link /bin/a'],
    0,
  ],
  [
    'a mode that became too open is mended',
    input({ ...OURS, '/u/a.service': file('unit2'), '/etc/a.yaml': file('conf2', 0o644) }),
    ['write /etc/a.yaml'],
    0,
  ],
  ['a unit of somebody else blocks', input({ ...OURS, '/u/a.service': file('other'), '/etc/a.yaml': file('conf2', 0o600) }), [], 1],
  [
    'a unit changed in place blocks',
    input({ ...OURS, '/u/a.service': file('mine'), '/etc/a.yaml': file('conf2', 0o600) }, { record: RECORD }),
    [],
    1,
  ],
  [
    'a command of somebody else blocks, as a file and as a link',
    input({ '/bin/a': file('x'), '/u/a.service': file('unit2'), '/etc/a.yaml': { kind: 'other' } }),
    [],
    2,
  ],
  [
    'where another configures the network, ours stays out',
    input({ ...OURS, '/u/a.service': file('unit2') }, { others: new Map([['/etc/a.yaml', '/etc/b.yaml']]) }),
    ['keep /etc/b.yaml'],
    0,
  ],
  [
    'what an earlier version had and this has not goes, unless it was changed',
    input(
      {
        ...OURS,
        '/u/a.service': file('unit2'),
        '/etc/a.yaml': file('conf2', 0o600),
        '/old': file('o'),
        '/edited': file('e2'),
        '/bin/b': { kind: 'link', target: '/p/b' },
      },
      {
        record: {
          ...RECORD,
          files: { ...RECORD.files, '/old': 'o', '/edited': 'e' },
          links: { ...RECORD.links, '/bin/b': '/p/b', '/bin/c': '/p/c' },
        },
      },
    ),
    ['remove /old', 'keep /edited', 'remove /bin/b'],
    0,
  ],
] satisfies (readonly [string, InstallInput, string[], number])[]) {
  test(`planInstall: ${name}`, () => {
    const plan = planInstall(given);
    assert.deepEqual(words(plan.steps), steps);
    assert.equal(plan.problems.length, problems, plan.problems.join('\n'));
  });
}

test('planInstall: what a runtime lacks is one step, what it has otherwise is said, and what keeps it from working stops everything', () => {
  const there = { ...OURS, '/u/a.service': file('unit2'), '/etc/a.yaml': file('conf2', 0o600) };
  const withRuntime = (text: string | undefined) => planInstall(input(there, { runtime: { text, mode: 0o644, cniBinDir: undefined } }));
  const [edit, ...rest] = withRuntime('version = 2\n').steps;
  assert.deepEqual([edit?.kind, rest], ['edit', []]);
  const otherwise = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\nSystemdCgroup = false\n';
  assert.deepEqual(words(withRuntime(otherwise).steps), ['edit /etc/containerd/config.toml', 'keep /etc/containerd/config.toml']);
  assert.match(withRuntime('disabled_plugins = ["cri"]').problems[0] ?? '', /turns the CRI off/);

  const made = withRuntime(undefined).steps[0];
  const gone = planUninstall(RECORD, new Map(), { text: made?.kind === 'edit' ? made.text : '', mode: 0o644 });
  assert.deepEqual(words(gone), ['remove /etc/containerd/config.toml']);
});

test('planUninstall: takes what is as it was put, keeps what was changed, and says nothing of what is gone', () => {
  const seen = new Map<string, Seen>([
    ['/u/a.service', file('unit1')],
    ['/etc/a.yaml', file('mine')],
    ['/bin/a', { kind: 'link', target: '/elsewhere' }],
  ]);
  assert.deepEqual(words(planUninstall(RECORD, seen)), ['remove /u/a.service', 'keep /etc/a.yaml']);
  assert.deepEqual(planUninstall(RECORD, new Map()), []);
});

test('staleUnits: those of the other role', () => {
  assert.deepEqual(staleUnits({ ...RECORD, units: ['a', 'b'] }, ['b', 'c']), ['a']);
  assert.deepEqual(staleUnits(undefined, ['b']), []);
});

/** Carries steps out on a world of values. */
function after(seen: ReadonlyMap<string, Seen>, steps: readonly Step[], sources: ReadonlyMap<string, string>): Map<string, Seen> {
  const world = new Map(seen);
  for (const step of steps) {
    if (step.kind === 'write') world.set(step.path, file(sources.get(step.source) ?? '', step.mode));
    else if (step.kind === 'link') world.set(step.path, { kind: 'link', target: step.target });
    else if (step.kind === 'remove') world.delete(step.path);
  }
  return world;
}

test('planInstall: a second run finds nothing to do, and an uninstall leaves nothing of ours, whatever was there', () => {
  const roles = fc.constantFrom(...ROLES);
  let kept = 0;
  fc.assert(
    fc.property(
      roles,
      roles,
      fc.array(fc.tuple(fc.nat(20), fc.constantFrom('edit', 'remove')), { maxLength: 4 }),
      (first, second, changes) => {
        const sourcesOf = (layout: Layout, version: string): Map<string, string> =>
          new Map(layout.files.map(({ source }) => [source, `${source}@${version}`]));
        const [a, b] = [layoutOf(first), layoutOf(second)];
        const one = planInstall({ layout: a, record: undefined, seen: new Map(), sources: sourcesOf(a, '1'), others: new Map() });
        const world = after(new Map(), one.steps, sourcesOf(a, '1'));
        const configs = a.files.filter(({ config }) => config);
        for (const [at, how] of changes) {
          const path = configs[at % configs.length]?.path ?? '';
          if (how === 'edit') world.set(path, file('mine', 0o600));
          else world.delete(path);
        }
        const record = { version: '1', ...one.record };
        const two = planInstall({ layout: b, record, seen: world, sources: sourcesOf(b, '2'), others: new Map() });
        assert.deepEqual(two.problems, []);
        const next = after(world, two.steps, sourcesOf(b, '2'));
        const again = planInstall({
          layout: b,
          record: { version: '2', ...two.record },
          seen: next,
          sources: sourcesOf(b, '2'),
          others: new Map(),
        });
        assert.deepEqual(
          again.steps.filter(({ kind }) => kind !== 'keep'),
          [],
        );
        const left = after(next, planUninstall({ version: '2', ...again.record }, next), new Map());
        for (const [path, seen] of left) {
          kept++;
          assert.deepEqual(seen, file('mine', 0o600), path);
        }
      },
    ),
  );
  assert.ok(kept > 0, 'no case had a file that was changed by hand');
});
