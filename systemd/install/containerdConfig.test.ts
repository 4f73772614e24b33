import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { addSettings, removeSettings, type Edit } from './containerdConfig.ts';

const add = (text: string | undefined, cniBinDir?: string): Edit => addSettings({ text, cniBinDir });
const written = (edit: Edit): string => {
  assert.equal(edit.kind, 'write', JSON.stringify(edit));
  return edit.kind === 'write' ? edit.text : '';
};
/** As Debian ships it. */
const DEBIAN = `version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.internal.v1.opt"]
    path = "/var/lib/containerd"
`;

test('Debian’s file gets what is missing, keeps every line, and is itself again afterwards', () => {
  const edit = add(DEBIAN, '/usr/lib/cni');
  const text = written(edit);
  const rest = text.split('\n').filter((line) => !line.includes('# kijabi'));
  assert.equal(rest.join('\n'), DEBIAN);
  const cri = (parse(text)['plugins'] as never)['io.containerd.grpc.v1.cri'] as object;
  assert.deepEqual(JSON.parse(JSON.stringify(cri)), {
    cni: { bin_dir: '/usr/lib/cni', conf_dir: '/etc/cni/net.d' },
    registry: { config_path: '/etc/containerd/certs.d' },
    containerd: { runtimes: { runc: { runtime_type: 'io.containerd.runc.v2', options: { SystemdCgroup: true } } } },
  });
  assert.equal(add(text, '/usr/lib/cni').kind, 'none');
  assert.equal(written(removeSettings(text)), DEBIAN);
});

test('where there is no file one is made, and goes again', () => {
  const text = written(add(undefined, '/usr/lib/cni'));
  assert.equal(parse(text)['version'], 2);
  assert.match(text, /^ +bin_dir = "\/usr\/lib\/cni" # kijabi$/m);
  assert.deepEqual(removeSettings(text), { kind: 'remove' });
});

test('what others added to a file of ours is still read as it was written: the version stays, without the mark', () => {
  const made = written(add(undefined));
  const own = '[plugins."io.containerd.grpc.v1.cri".registry.headers]\n  a = ["b"]\n';
  const rest = written(removeSettings(`${made}${own}`));
  assert.equal(rest, `version = 2\n${own}`);
  assert.deepEqual(removeSettings(rest), { kind: 'none', notes: [] });
  assert.deepEqual(removeSettings(`${made}\n\n`), { kind: 'remove' });
});

test('a value that is set stays, and what follows from it is said', () => {
  const own = `version = 2
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
SystemdCgroup = false # for the old kernel
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
endpoint = ["https://mirror"]
`;
  assert.deepEqual(add(own), {
    kind: 'none',
    notes: [
      'SystemdCgroup is false: the kubelet makes control groups by systemd; set the same cgroupDriver in /var/lib/kubelet/config.yaml',
    ],
  });
});

test('what stands under a head goes under it, however the head is written', () => {
  const own = `version = 3
[ plugins . 'io.containerd.cri.v1.runtime' . containerd.runtimes."runc" ] # mine
  BinaryName = "/usr/bin/crun"
`;
  const text = written(add(own));
  assert.match(text, /# mine\n {2}runtime_type = "io\.containerd\.runc\.v2" # kijabi\n {2}BinaryName/);
  assert.match(text, /^\[plugins\."io\.containerd\.cri\.v1\.images"\.registry\] # kijabi$/m);
});

for (const [name, text, said] of [
  ['the CRI is off, as Docker ships it', 'disabled_plugins = ["cri"]\n', /turns the CRI off.*take "cri" out of disabled_plugins/],
  ['no TOML', 'version = \n', /config\.toml is no TOML/],
  [
    'tables in a line cannot be added to',
    'version = 2\nplugins = { "io.containerd.grpc.v1.cri" = { registry = { headers = { a = ["b"] } } } }\n',
    /by hand: plugins\.io\.containerd\.grpc\.v1\.cri\.registry\.config_path = "\/etc\/containerd\/certs\.d"/,
  ],
] as const)
  test(`refused: ${name}`, () => {
    const edit = add(text);
    assert.match(edit.kind === 'problem' ? edit.problem : '', said, JSON.stringify(edit));
  });

test('an old version stays as it is', () => {
  const edit = add('[plugins.cri]\nx = 1\n');
  assert.match(edit.kind === 'none' ? (edit.notes[0] ?? '') : '', /is of version 1 and stays as it is/);
});

test('what was put under a head of ours keeps the lines: nothing moves to another table', () => {
  const text = written(add(DEBIAN)).replace(/^(\[plugins\."io\.containerd\.grpc\.v1\.cri"\.registry\].*)$/m, '$1\n  mine = "x"');
  const edit = removeSettings(text);
  assert.match(edit.kind === 'none' ? (edit.notes[0] ?? '') : '', /take them out by hand/, JSON.stringify(edit));
});

test('whatever a file says, adding keeps it all, a second time adds nothing, and removing gives it back', () => {
  const name = fc.constantFrom('io.containerd.grpc.v1.cri', 'registry', 'containerd', 'runtimes', 'runc', 'options', 'cni', 'a b');
  const leaf = fc.oneof(fc.boolean(), fc.constantFrom('x', '/usr/bin/crun', '[plugins]'));
  const { table } = fc.letrec<{ table: Record<string, unknown> }>((tie) => ({
    table: fc.dictionary(name, fc.oneof({ maxDepth: 6 }, leaf, tie('table')), { maxKeys: 4 }),
  }));
  let changed = 0;
  fc.assert(
    fc.property(table, fc.constantFrom(2, 3), (plugins, version) => {
      const text = stringify({ version, plugins });
      const edit = add(text);
      if (edit.kind !== 'write') return;
      changed++;
      const kept = edit.text.split('\n').filter((line) => !line.includes('# kijabi'));
      assert.deepEqual(kept.join('\n').trimEnd(), text.trimEnd());
      assert.equal(add(edit.text).kind, 'none');
      assert.deepEqual(parse(written(removeSettings(edit.text))), parse(text));
    }),
  );
  assert.ok(changed > 20, `${changed}`);
});
