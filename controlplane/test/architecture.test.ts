import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

/** Who may import whom. The first rule whose folder holds the file applies. */
const LAYERS: [folder: string, mayImport: RegExp][] = [
  ['cri-proto/', /^(\.|#base\/)/],
  ['agent/', /^(\.|#agent\/|#base\/|#api\/|#client\/|#cri\/)/],
  ['controlplane/base/', /^(\.|#base\/)/],
  ['controlplane/api/', /^(\.|#base\/|#api\/)/],
  // The kijabi command is where the parts meet: it alone may reach into both halves.
  ['controlplane/cli/', /^(\.|#base\/|#api\/|#client\/|#cri\/|#agent\/|#systemd\/)/],
  ['controlplane/test/', /^(\.|#)/],
  ['controlplane/', /^(\.|#base\/|#api\/|#client\/)/],
  ['systemd/', /^(\.|#base\/|#agent\/(linux|host)\/)/],
  ['vagrant/', /^(\.|#base\/)/],
];
/** Components that never import each other, although they share a parent. */
const APART = [
  'agent/kubelet/',
  'agent/kube-proxy/',
  'agent/network/',
  'controlplane/apiserver/',
  'controlplane/scheduler/',
  'controlplane/controllers/',
  'controlplane/dns/',
];

const EDGES =
  /(^agent\/(linux|host)\/|^cri-proto\/|^controlplane\/(base|client|cli)\/|\/(http|storage|server|bench)\/|\/main\.ts$|\/test\/)|\/(act|observe|sync|client|watch|generate)\.ts$/;
const OUTSIDE = /^(node:)?(child_process|fs|net|http|http2|https|tls|dgram|dns|timers|os|process)(?![\w-])/;
const AMBIENT = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout\b|setInterval\b|process\.env|console\.)/;

const root = new URL('../../', import.meta.url).pathname;
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (f) => /^(cri-proto|agent|controlplane|systemd|vagrant)\/.*\.ts$/.test(f) && !f.endsWith('.d.ts'),
);
if (files.length === 0) throw new Error('no source files found: this test would pass on nothing');
const isTest = (f: string): boolean => f.endsWith('.test.ts') || f.endsWith('ontract.ts');

test('layers: no file imports from a layer it must not know', () => {
  const bad = files
    .filter((f) => !isTest(f))
    .flatMap((f) => {
      const allowed = LAYERS.find(([folder]) => f.startsWith(folder))?.[1] ?? /^$/;
      return imports(f)
        .filter((i) => /^[.#]/.test(i) && (!allowed.test(i) || leaves(f, i)))
        .map((i) => `${f} imports ${i}`);
    });
  assert.deepEqual(bad, []);
});

test('layers: components of one half never import each other', () => {
  const bad = files.flatMap((f) => {
    const home = APART.find((folder) => f.startsWith(folder));
    if (home === undefined || /\/test\//.test(f)) return [];
    return imports(f)
      .map((i) => [i, target(f, i)] as const)
      .filter(([, to]) => APART.some((other) => other !== home && to.startsWith(other)))
      .map(([i]) => `${f} imports ${i}`);
  });
  assert.deepEqual(bad, []);
});

test('edges: only edge modules touch the outside world, time or chance', () => {
  const inner = files.filter((f) => !EDGES.test(f) && !isTest(f));
  const bad = inner.flatMap((f) => [
    ...imports(f)
      .filter((i) => OUTSIDE.test(i))
      .map((i) => `${f} imports ${i}`),
    ...[...code(f).matchAll(new RegExp(AMBIENT, 'g'))].map((m) => `${f} uses ${m[0]}`),
  ]);
  assert.deepEqual(bad, []);
});

test('processes: every child process is started with execa', () => {
  const bad = files.filter((f) => !isTest(f) && imports(f).some((i) => /^(node:)?child_process$/.test(i)));
  assert.deepEqual(bad, []);
});

function code(f: string): string {
  return readFileSync(root + f, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
}
function imports(f: string): string[] {
  return [...code(f).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)].map((m) => m[1] ?? '');
}
function target(f: string, i: string): string {
  if (i.startsWith('#agent/')) return i.slice(1);
  return i.startsWith('.') ? new URL(i, `file:///${f}`).pathname.slice(1) : '';
}
/** A relative import may not climb out of its half of the tree (the first path segment). */
function leaves(f: string, i: string): boolean {
  return i.startsWith('.') && target(f, i).split('/')[0] !== f.split('/')[0];
}
