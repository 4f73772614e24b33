/** Manifests that people and programs really leave in the directory, and what each is answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileReading } from './fileSet.ts';
import { readManifest } from './manifests.ts';

const NODE = 'node1';
const read = (bytes: Uint8Array | string): FileReading =>
  readManifest(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, { nodeName: NODE, file: '/m/x.yaml', seenAt: new Date(0) });

/** As a line of the log shows it. */
const told = (reading: FileReading): string[] =>
  reading.kind === 'pods'
    ? reading.pods.map((p) => `pod ${p.metadata.namespace}/${p.metadata.name}`)
    : reading.problems.map((p) => `${p.line}:${p.column}: ${p.message}`);

const POD = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: nginx\n';
const another = POD.replace('name: web', 'name: db');
const json = (more: object): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'c', image: 'nginx' }] },
    ...more,
  });
const utf16 = (endian: 'le' | 'be', bom: boolean): Buffer => {
  const bytes = Buffer.from((bom ? '\ufeff' : '') + POD, 'utf16le');
  return endian === 'le' ? bytes : bytes.swap16();
};
const bomb = `${['a: &a [x,x,x,x,x,x,x,x,x,x]', ...'bcdefghij'.split('').map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdefghi'[i]}`).join(',')}]`)].join('\n')}\n`;

const TAKEN: readonly (readonly [name: string, file: Uint8Array | string, pods: readonly string[]])[] = [
  ['a plain pod', POD, ['pod default/web-node1']],
  ['with CRLF line ends', POD.replaceAll('\n', '\r\n'), ['pod default/web-node1']],
  ['with a UTF-8 byte order mark', `\ufeff${POD}`, ['pod default/web-node1']],
  ['without a line end at the end', POD.trimEnd(), ['pod default/web-node1']],
  ['several documents', `${POD}---\n${another}`, ['pod default/web-node1', 'pod default/db-node1']],
  [
    'documents with empty ones and comments between them',
    `# one\n---\n${POD}---\n---\n# nothing\n---\n${another}...\n`,
    ['pod default/web-node1', 'pod default/db-node1'],
  ],
  ['JSON on one line', json({}), ['pod default/web-node1']],
  ['JSON with a comma too many, as YAML', json({}).replace('}]', '},]'), ['pod default/web-node1']],
  ['a uid of its own', POD.replace('name: web', 'name: web\n  uid: 0f3c-A'), ['pod default/web-node1']],
  ['a negative grace period, as upstream', POD.replace('spec:', 'spec:\n  terminationGracePeriodSeconds: -1'), ['pod default/web-node1']],
  ['a namespace of its own', POD.replace('name: web', 'name: web\n  namespace: prod'), ['pod prod/web-node1']],
  [
    'anchors used as they are meant',
    POD.replace('image: nginx', 'image: nginx\n    env: &e [{name: A, value: "1"}]\n  - {name: d, image: nginx, env: *e}'),
    ['pod default/web-node1'],
  ],
  [
    'as `kubectl create --dry-run` prints it',
    json({ metadata: { name: 'web', creationTimestamp: null, labels: { run: 'web' } }, status: {} }),
    ['pod default/web-node1'],
  ],
  ['the longest name that fits', POD.replace('web', 'a'.repeat(253 - 1 - NODE.length)), [`pod default/${'a'.repeat(247)}-node1`]],
  ['a thousand comments', '# x\n'.repeat(1_000) + POD, ['pod default/web-node1']],
];

for (const [name, file, pods] of TAKEN) test(`readManifest takes ${name}`, () => assert.deepEqual(told(read(file)), pods));

const REFUSED: readonly (readonly [name: string, file: Uint8Array | string, problems: readonly (string | RegExp)[]])[] = [
  ['an empty file', '', ['1:1: holds no pod']],
  ['a file of blanks', ' \n\n  \n', ['1:1: holds no pod']],
  ['only comments', '# later\n# perhaps\n', ['1:1: holds no pod']],
  ['only document marks', '---\n---\n', ['1:1: holds no pod']],
  ['a list', '- a\n- b\n', ['1:1: want an object with apiVersion, kind, metadata and spec']],
  ['a text', 'hello\n', ['1:1: want an object with apiVersion, kind, metadata and spec']],
  ['a number', '42\n', ['1:1: want an object with apiVersion, kind, metadata and spec']],
  [
    'a ConfigMap of another version',
    'apiVersion: v2\nkind: ConfigMap\nmetadata:\n  name: x\ndata: {}\n',
    ['1:13: apiVersion: want "v1", got "v2"'],
  ],
  [
    'a Secret whose data is no base64, without showing it',
    'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  password: hunter2!\n',
    ['6:13: data[password]: Invalid value: [redacted]: want a valid key and base64 text'],
  ],
  [
    'a Deployment',
    'apiVersion: apps/v1\nkind: Deployment\n',
    [
      '2:7: kind: want "Pod", got "Deployment": a manifest directory holds pods, and what they refer to (ConfigMap, Secret, PersistentVolume, PersistentVolumeClaim, RuntimeClass)',
    ],
  ],
  [
    'a List of pods',
    'apiVersion: v1\nkind: List\nitems: []\n',
    [
      '2:7: kind: want "Pod", got "List": a manifest directory holds pods, and what they refer to (ConfigMap, Secret, PersistentVolume, PersistentVolumeClaim, RuntimeClass)',
    ],
  ],
  [
    'no kind',
    'apiVersion: v1\nmetadata: {name: x}\n',
    [
      '1:1: kind: want "Pod", got nothing: a manifest directory holds pods, and what they refer to (ConfigMap, Secret, PersistentVolume, PersistentVolumeClaim, RuntimeClass)',
    ],
  ],
  ['a version that does not exist', POD.replace('v1', 'v2'), ['1:13: apiVersion: want "v1", got "v2"']],
  [
    'a kind that is no text',
    POD.replace('Pod', '{toString: 1}'),
    [
      '2:1: kind: want "Pod", got {"toString":1}: a manifest directory holds pods, and what they refer to (ConfigMap, Secret, PersistentVolume, PersistentVolumeClaim, RuntimeClass)',
    ],
  ],
  [
    'a good pod beside a Deployment',
    `${POD}---\nkind: Deployment\n`,
    [
      '10:7: kind: want "Pod", got "Deployment": a manifest directory holds pods, and what they refer to (ConfigMap, Secret, PersistentVolume, PersistentVolumeClaim, RuntimeClass)',
    ],
  ],
  [
    'a misspelt field',
    POD.replace('image:', 'imgae:'),
    [/^8:5: spec\.containers\[0\]\.imgae: unknown field, did you mean image\?$/, /^7:5: spec\.containers\[0\]\.image: Required value/],
  ],
  ['a tab as indentation', POD.replace('  containers:', '\tcontainers:'), [/^6:1: not YAML: a tab cannot indent YAML: use spaces/]],
  ['indentation that does not fit', POD.replace('    image', '   image'), [/^8:\d: not YAML: /]],
  ['a key twice', POD.replace('    image: nginx', '    image: nginx\n    image: httpd'), ['9:5: the key "image" stands here twice']],
  ['a key twice in JSON', json({}).replace('"kind"', '"kind":"Pod","kind"'), ['1:33: the key "kind" stands here twice']],
  ['a colon without a blank', POD.replace('image: nginx', 'image:nginx'), [/^8:5: not YAML: /]],
  ['a missing quote', POD.replace('nginx', '"nginx'), [/^\d+:\d+: not YAML: .*quote/]],
  ['half of a file', POD.slice(0, 60), ['6:3: spec: Invalid value: "conta": want an object']],
  ['JSON that is cut off', json({}).slice(0, 50), [/^1:\d+: not YAML: /]],
  ['UTF-16 little endian with a mark', utf16('le', true), ['1:1: the file is UTF-16, want UTF-8: save it in that encoding']],
  ['UTF-16 big endian with a mark', utf16('be', true), ['1:1: the file is UTF-16, want UTF-8: save it in that encoding']],
  ['UTF-16 little endian without a mark', utf16('le', false), ['1:1: the file is UTF-16, want UTF-8: save it in that encoding']],
  ['UTF-16 big endian without a mark', utf16('be', false), ['1:1: the file is UTF-16, want UTF-8: save it in that encoding']],
  ['Latin-1', Buffer.from(POD.replace('nginx', 'café'), 'latin1'), ['8:15: the bytes here are not UTF-8: save the file in that encoding']],
  ['a NUL', POD.replace('nginx', 'ngi\0nx'), ['8:15: control character U+0000 cannot stand in a text file']],
  ['NULs only, as after a crash of the machine', Buffer.alloc(512), ['1:1: control character U+0000 cannot stand in a text file']],
  [
    'an escape sequence of a terminal',
    POD.replace('nginx', '\x1b[31mnginx'),
    ['8:12: control character U+001B cannot stand in a text file'],
  ],
  [
    'a program',
    Buffer.from('\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0', 'latin1'),
    ['1:1: control character U+007F cannot stand in a text file'],
  ],
  ['a compressed file', Buffer.from([0x1f, 0x8b, 8, 0, 0xff, 0xfe, 0x9c]), [/^1:\d+: /]],
  ['a bomb of aliases', bomb, [/^\d+:\d+: the aliases of this document blow it up beyond measure$/]],
  ['an alias that contains itself', 'a: &a\n  b: *a\n', ['2:6: the alias *a contains itself']],
  ['an alias without an anchor', POD.replace('nginx', '*nginx'), [/^8:12: .*alias.*nginx/]],
  ['a merge of something that is no map', POD.replace('    image: nginx', '    <<: [1, 2]\n    image: nginx'), [/^8:9: << wants a map/]],
  ['a tag of another language', POD.replace('nginx', '!ruby/object:Gem {}'), [/^8:29: the tag !ruby\/object:Gem means nothing here$/]],
  [
    'a key that is a map',
    POD.replace('    image: nginx', '    ? {a: b}\n    : c\n    image: nginx'),
    [/^8:7: a key must be a text, not a map or a list$/],
  ],
  ['brackets nested deeply', `a: ${'['.repeat(5_000)}`, ['1:1: brackets are nested more than 100 levels deep']],
  [
    'blocks nested deeply',
    Array.from({ length: 3_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    [/nested (too deeply|more than 100 levels deep)$/],
  ],
  ['dashes nested deeply', `${'- '.repeat(20_000)}a`, [/nested (too deeply|more than 100 levels deep)$/]],
  ['JSON nested deeply', '['.repeat(20_000) + ']'.repeat(20_000), [/^1:101: nested more than 100 levels deep$/]],
  [
    'a prototype to be changed',
    json({ __proto__: undefined, constructor: { prototype: { polluted: 1 } } }).replace('"kind"', '"__proto__":{"polluted":1},"kind"'),
    [/__proto__: unknown field/, /constructor: unknown field/],
  ],
  [
    'a name with capital letters',
    POD.replace('name: web', 'name: Web'),
    [/^4:9: metadata\.name: Invalid value: "Web": a lowercase RFC 1123 subdomain/],
  ],
  [
    'a name that leads out of the directory',
    POD.replace('name: web', 'name: ../../etc'),
    [/^4:9: metadata\.name: Invalid value: "\.\.\/\.\.\/etc"/],
  ],
  [
    'a namespace that leads out of the directory',
    POD.replace('name: web', 'name: web\n  namespace: ../x'),
    [/^5:14: metadata\.namespace: Invalid value: "\.\.\/x"/],
  ],
  [
    'a uid that leads out of the directory',
    POD.replace('name: web', 'name: web\n  uid: ../../x'),
    [/^5:8: metadata\.uid: Invalid value: "\.\.\/\.\.\/x": want letters/],
  ],
  [
    'a uid with a character that parts names',
    POD.replace('name: web', 'name: web\n  uid: a_b'),
    [/^5:8: metadata\.uid: Invalid value: "a_b"/],
  ],
  [
    'a name that the name of the node makes too long',
    POD.replace('web', 'a'.repeat(248)),
    ['4:9: metadata.name: is 1 characters too long for the name of a static pod, which ends in -node1'],
  ],
  ['a name of a megabyte', POD.replace('web', 'a'.repeat(1 << 20)), [/^4:9: metadata\.name: Invalid value: "a{199}\.\.\.: /]],
  ['a number where a text belongs', POD.replace('nginx', '1.29'), [/^8:12: spec\.containers\[0\]\.image: .*string/]],
  [
    'a huge number',
    POD.replace('spec:', 'spec:\n  terminationGracePeriodSeconds: 1e400'),
    [/^6:34: spec\.terminationGracePeriodSeconds: /],
  ],
  [
    'a huge whole number',
    POD.replace('spec:', 'spec:\n  terminationGracePeriodSeconds: 99999999999999999999'),
    [/^6:34: spec\.terminationGracePeriodSeconds: /],
  ],
  ['no containers', 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {}\n', [/^4:1: spec\.containers: Required value/]],
  ['nothing but the head', 'apiVersion: v1\nkind: Pod\n', [/metadata/, /spec/]],
  ['nulls everywhere', 'apiVersion: v1\nkind: Pod\nmetadata:\nspec:\n', [/^3:1: metadata/, /^4:1: spec/]],
  [
    'a field that is known and not honoured',
    POD.replace('spec:', 'spec:\n  schedulingGates: [{name: a/b}]'),
    ['6:3: spec.schedulingGates: this kubelet does not honour this field yet: remove it'],
  ],
  [
    'a value that is known and not honoured',
    POD.replace('spec:', 'spec:\n  priorityClassName: high'),
    [
      '6:3: spec.priorityClassName: this kubelet does not honour this value yet: want "system-node-critical" or "system-cluster-critical", got "high"',
    ],
  ],
];

for (const [name, file, want] of REFUSED) {
  test(`readManifest refuses ${name}`, () => {
    const reading = read(file);
    assert.equal(reading.kind, 'refused', told(reading).join('; '));
    const got = told(reading);
    assert.equal(got.length > 0 && want.length <= got.length, true, got.join('\n'));
    for (const one of want)
      assert.ok(
        got.some((line) => (typeof one === 'string' ? line === one : one.test(line))),
        `${String(one)} is not in\n${got.join('\n')}`,
      );
  });
}

test('readManifest tells ten problems of a file and how many more there are', () => {
  const reading = read(POD + Array.from({ length: 25 }, (_, i) => `    wrong${i}: 1\n`).join(''));
  const got = told(reading);
  assert.equal(got.length, 10);
  assert.match(got[9]!, /^18:5: spec\.containers\[0\]\.wrong9: unknown field.* \(and 15 more\)$/);
});

const TEN_MIB = 10 << 20;
/** Each ends with an answer; one that took time beyond its size would not end before the limit. */
for (const [name, make] of [
  ['comments', (bytes: number) => '#'.padEnd(bytes, ' x\n#')],
  ['one comment', (bytes: number) => '#'.repeat(bytes)],
  ['blank lines', (bytes: number) => '\n'.repeat(bytes)],
  ['one word', (bytes: number) => 'a'.repeat(bytes)],
  ['items', (bytes: number) => '- a\n'.repeat(bytes / 4)],
  ['keys', (bytes: number) => Array.from({ length: bytes / 12 }, (_, i) => `k${String(i).padStart(8, '0')}: 1\n`).join('')],
  ['documents', (bytes: number) => '---\na: 1\n'.repeat(bytes / 9)],
  ['open brackets', (bytes: number) => '['.repeat(bytes)],
  ['open quotes', (bytes: number) => `a: "${'\\"'.repeat(bytes / 2)}`],
  ['numbers in JSON', (bytes: number) => `[${'1,'.repeat(bytes / 2 - 2)}1]`],
  ['strings in JSON', (bytes: number) => `{"a":"${'x'.repeat(bytes - 10)}"}`],
  ['zero bytes', (bytes: number) => '\0'.repeat(bytes)],
  ['a block of text', (bytes: number) => `a: |\n${'  line of text\n'.repeat(bytes / 15)}`],
] as const) {
  test(`readManifest answers a file of 10 MiB of ${name}`, { timeout: 60_000 }, () => {
    const reading = read(Buffer.from(make(TEN_MIB)).subarray(0, TEN_MIB));
    assert.equal(reading.kind, 'refused');
    for (const line of told(reading)) assert.match(line, /^\d+:\d+: .{8,400}$/u);
  });
}

test('readManifest refuses what is larger than 10 MiB by its size', () => {
  assert.deepEqual(told(read(Buffer.alloc(TEN_MIB + 1, '#'))), [
    `1:1: the file has ${TEN_MIB + 1} bytes, want no more than ${TEN_MIB} (10 MiB)`,
  ]);
});

test('readManifest gives the same pod the same UID, whatever the order of its fields, and another content another one', () => {
  const uid = (text: string): string | undefined => {
    const reading = read(text);
    return reading.kind === 'pods' ? reading.pods[0]?.metadata.uid : undefined;
  };
  const swapped = 'kind: Pod\nspec:\n  containers:\n  - image: nginx\n    name: c\nmetadata: {name: web}\napiVersion: v1\n';
  assert.match(uid(POD) ?? '', /^[0-9a-f]{32}$/);
  assert.equal(uid(swapped), uid(POD));
  assert.equal(uid(json({})), uid(POD));
  assert.notEqual(uid(POD.replace('nginx', 'nginx:1')), uid(POD));
});
