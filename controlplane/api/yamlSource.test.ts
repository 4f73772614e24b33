import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { podKind } from './definitions/pod.ts';
import type { Segment } from './fieldPath.ts';
import { parseAs } from './parse.ts';
import { formatProblem } from './problem.ts';
import { locateProblem, readDocuments, type SourceDocument } from './yamlSource.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function values(text: string): unknown {
  const read = readDocuments(bytes(text));
  assert.ok(read.kind === 'documents', JSON.stringify(read));
  return read.documents.map((d) => d.value);
}
function problems(source: string | Uint8Array, maxTokens?: number): readonly string[] {
  const read = readDocuments(typeof source === 'string' ? bytes(source) : source, maxTokens === undefined ? {} : { maxTokens });
  return read.kind === 'documents' ? [] : read.problems.map((p) => `${p.line}:${p.column} ${p.message}`);
}
function only(text: string): SourceDocument {
  const read = readDocuments(bytes(text));
  assert.ok(read.kind === 'documents' && read.documents[0] !== undefined);
  return read.documents[0];
}

const SCALARS: [text: string, value: unknown][] = [
  ['x', 'x'],
  ['"5"', '5'],
  ["'yes'", 'yes'],
  ['5', 5],
  ['-5', -5],
  ['+5', 5],
  ['0', 0],
  ['0644', 0o644],
  ['0o644', 0o644],
  ['-0644', -0o644],
  ['089', 89],
  ['0x1F', 31],
  ['0b101', 5],
  ['1_000', 1000],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['1e3', 1000],
  ['1.', 1],
  ['1.2.3', '1.2.3'],
  ['80:80', '80:80'],
  ['12:30:45', '12:30:45'],
  ['2026-01-31', '2026-01-31'],
  ['2026-01-31T00:00:00Z', '2026-01-31T00:00:00Z'],
  ['100m', '100m'],
  ['1Gi', '1Gi'],
  ['-', null], // an empty element of a list
  ['~', null],
  ['null', null],
  ['', null],
  ['yes', true],
  ['On', true],
  ['n', false],
  ['OFF', false],
  ['True', true],
  ['tRue', 'tRue'],
  ['!!str 5', '5'],
  ['!!str yes', 'yes'],
  ['!!int "5"', 5],
  ['!!bool "yes"', true],
  ['! 5', '5'],
  ['-.', '-.'],
  ['.', '.'],
  ['_1', '_1'],
  ['0x', '0x'],
];

test('scalars mean what they mean to kubectl', () => {
  for (const [text, value] of SCALARS)
    assert.deepEqual(values(`a: ${text === '-' ? '\n- ' : text}\n`), [{ a: text === '-' ? [null] : value }], text);
});

test('documents: several in a file, empty ones and comments passed over', () => {
  assert.deepEqual(values('a: 1\n---\nb: 2\n'), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(values('# one\n---\n# two\n---\na: 1\n---\n'), [{ a: 1 }]);
  assert.deepEqual(values(''), []);
  assert.deepEqual(values('---\n'), []);
  assert.deepEqual(values('null\n'), [null]);
  assert.deepEqual(values('\ufeffa: 1\n'), [{ a: 1 }]);
  assert.deepEqual(values('{"a": 1}'), [{ a: 1 }]);
  assert.deepEqual(values('{"a": 1}\n---\n{"b": 2}\n'), [{ a: 1 }, { b: 2 }]);
  assert.deepEqual(values('{a: b, c: [d]}'), [{ a: 'b', c: ['d'] }]);
  assert.deepEqual(values('%YAML 1.1\n---\na: on\n'), [{ a: true }]);
  assert.deepEqual(values('a: 1\r\nb: 2\r\n'), [{ a: 1, b: 2 }]);
});

test('anchors, aliases, merges and keys', () => {
  assert.deepEqual(values('a: &x {k: 1}\nb: *x\n'), [{ a: { k: 1 }, b: { k: 1 } }]);
  assert.deepEqual(values('a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\n'), [{ a: { k: 1, l: 2 }, b: { k: 3, l: 2 } }]);
  assert.deepEqual(values('a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  <<: [*x, *y]\n'), [
    { a: { k: 1 }, b: { k: 2, m: 3 }, c: { k: 1, m: 3 } },
  ]);
  assert.deepEqual(values('80: a\ntrue: b\n1.5: c\n'), [{ 80: 'a', true: 'b', '1.5': 'c' }]);
  const [odd] = values('__proto__: {a: 1}\n') as [object];
  assert.deepEqual(Object.keys(odd), ['__proto__']);
});

const REFUSED: [what: string, source: string | Uint8Array, problems: string[]][] = [
  ['a key twice', 'a: 1\nb:\n  c: 1\n  c: 2\n', ['4:3 the key "c" stands here twice']],
  ['a key twice in JSON', '{"a": 1,\n "a": 2}', ['2:2 the key "a" stands here twice']],
  ['a key twice in JSON, written in two ways', '{"a": 1, "\\u0061": 2}', ['1:10 the key "a" stands here twice']],
  ['tabs', 'a:\n\t- b\n', ['2:1 not YAML: a tab cannot indent YAML: use spaces (Tabs are not allowed as indentation)']],
  ['an open quote', 'a: "b\n', ['2:1 not YAML: Missing closing "quote']],
  [
    'an open bracket',
    '{"a": [1, 2',
    [
      '1:12 not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
      '1:12 not YAML: Flow map must end with a }',
    ],
  ],
  ['two colons', 'a: b: c\n', ['1:4 not YAML: Nested mappings are not allowed in compact mappings']],
  ['an alias without anchor', 'a: *x\n', ['1:4 the alias *x has no anchor before it']],
  ['an alias in itself', 'a: &x [*x]\n', ['1:8 the alias *x contains itself']],
  ['a tag', 'a: !mine 5\n', ['1:10 the tag !mine means nothing here']],
  ['a tag that does not fit', 'a: !!int x\n', ['1:10 the tag !!int means nothing here']],
  ['infinity', 'a: .inf\n', ['1:4 .inf is no number that JSON has']],
  ['an empty key', '? \n: 1\n', ['1:3 the key is empty']],
  ['a map as key', '? {a: 1}\n: 1\n', ['1:3 a key must be a text, not a map or a list']],
  ['a merge of a text', '<<: x\n', ['1:5 << wants a map, or a list of maps']],
  ['a zero byte', 'a: b\nc: \0\n', ['2:4 control character U+0000 cannot stand in a text file']],
  ['an escape character', 'a: \u001b[1m\n', ['1:4 control character U+001B cannot stand in a text file']],
  ['UTF-16 with its mark', new Uint8Array([0xff, 0xfe, 0x61, 0x00]), ['1:1 the file is UTF-16, want UTF-8: save it in that encoding']],
  ['UTF-16 without', new Uint8Array([0x61, 0x00, 0x3a, 0x00]), ['1:1 the file is UTF-16, want UTF-8: save it in that encoding']],
  [
    'Latin-1',
    new Uint8Array([0x61, 0x3a, 0x20, 0x62, 0x0a, 0x63, 0x3a, 0x20, 0xe4]),
    ['2:4 the bytes here are not UTF-8: save the file in that encoding'],
  ],
  ['11 MiB', new Uint8Array(11 * 1024 * 1024), ['1:1 the file has 11534336 bytes, want no more than 10485760 (10 MiB)']],
  ['brackets in brackets', '['.repeat(5_000), ['1:1 brackets are nested more than 100 levels deep']],
  ['brackets in brackets in JSON', '['.repeat(5_000) + ']'.repeat(5_000), ['1:101 nested more than 100 levels deep']],
  ['a problem in the second document', 'a: 1\n---\nb: 1\nb: 2\n', ['4:1 the key "b" stands here twice']],
];

for (const [what, source, wanted] of REFUSED) test(`refused: ${what}`, () => assert.deepEqual(problems(source), wanted));

test('refused: dashes nested beyond the stack, and more words than allowed', () => {
  assert.match(problems('- '.repeat(20_000))[0] ?? '', /nested/);
  assert.match(problems('a: 1\n'.repeat(100), 50)[0] ?? '', /more than 50 words and signs/);
});

test('refused: a bomb of aliases, before it goes off', () => {
  const lines = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (const [i, c] of Array.from('bcdefghijk').entries())
    lines.push(`${c}: &${c} [${Array.from({ length: 10 }, () => `*${'abcdefghijk'[i]}`).join(',')}]`);
  const found = problems(`${lines.join('\n')}\n`);
  assert.match(found[0] ?? '', /the aliases of this document blow it up beyond measure/);
  assert.equal(found.length, 1, 'said once');
});

const MANIFEST = `apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: default
  labels:
    app.kubernetes.io/name: web
spec:
  containers:
  - name: nginx
    image: nginx
    prots:
    - containerPort: 80
    env:
      - {name: A, value: 5}
`;

test('locate: keys, values, elements, keys of maps, and what is not there', () => {
  const document = only(MANIFEST);
  const rows: [path: Segment[], key: string, value: string][] = [
    [[], '1:1', '1:1'],
    [['kind'], '2:1', '2:7'],
    [['spec'], '8:1', '8:1'],
    [['spec', 'containers'], '9:3', '9:3'],
    [['spec', 'containers', 0], '10:5', '10:5'],
    [['spec', 'containers', 0, 'image'], '11:5', '11:12'],
    [['spec', 'containers', 0, 'prots'], '12:5', '12:5'],
    [['spec', 'containers', 0, 'env', 0, 'value'], '15:19', '15:26'],
    [['metadata', 'labels', '[app.kubernetes.io/name]'], '7:5', '7:29'],
    [['spec', 'containers', 0, 'command'], '10:5', '10:5'],
    [['spec', 'containers', 7, 'name'], '9:3', '9:3'],
    [['nothing', 'at', 'all'], '1:1', '1:1'],
  ];
  const show = ({ line, column }: { line: number; column: number }): string => `${line}:${column}`;
  for (const [path, key, value] of rows) {
    assert.deepEqual([show(document.locate(path, 'key')), show(document.locate(path, 'value'))], [key, value], path.join('.'));
  }
});

test('locateProblem: each problem of a manifest has its place, in YAML and in JSON', () => {
  const told = (text: string): readonly string[] => {
    const document = only(text);
    const parsed = parseAs(podKind, document.value);
    assert.ok(parsed.kind === 'problems');
    return parsed.problems.map((p) => {
      const { line, column } = locateProblem(document, p);
      return `${line}:${column} ${formatProblem(p)}`;
    });
  };
  assert.deepEqual(told(MANIFEST), [
    '12:5 spec.containers[0].prots: unknown field, did you mean ports?',
    '15:26 spec.containers[0].env[0].value: Invalid value: 5: want a string: put it in quotes',
  ]);
  assert.deepEqual(
    told(
      '{"apiVersion":"v1","kind":"Pod",\n "metadata":{"name":"a","namespace":"b"},\n "spec":{"containers":[{"name":"x",\n  "imag":"y"}]}}',
    ),
    ['4:3 spec.containers[0].imag: unknown field, did you mean image?', '3:24 spec.containers[0].image: Required value'],
  );
});

const json = fc.jsonValue({ maxDepth: 4 }).filter((v) => v !== null);

test('property: what is written as YAML or JSON is read back the same', () => {
  fc.assert(
    fc.property(json, (value) => {
      // -0 is 0 to JSON, and control characters cannot stand in a file.
      const want: unknown = JSON.parse(JSON.stringify(value));
      if (typeof want === 'object') assert.deepEqual(values(JSON.stringify(want, undefined, 2)), [want]);
      const yaml = stringify(want, { version: '1.1', lineWidth: 0 });
      // oxlint-disable-next-line no-control-regex -- the writer of the test leaves them in
      if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(yaml) || /<<|!!|\d:\d/.test(yaml)) return;
      assert.deepEqual(values(yaml), [want]);
    }),
    { numRuns: 300 },
  );
});

test('property: every part of a JSON document is found where it stands', () => {
  fc.assert(
    fc.property(json, fc.nat(), (made, pick) => {
      const value: unknown = JSON.parse(JSON.stringify(made));
      if (typeof value !== 'object') return;
      const text = JSON.stringify(value, undefined, 1);
      const paths = [...pathsOf(value)];
      const path = paths[pick % Math.max(paths.length, 1)];
      if (path === undefined || path.some((s) => typeof s === 'string' && s.startsWith('['))) return;
      const { line, column } = only(text).locate(path, 'key');
      const at = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
      const last = path.at(-1);
      if (typeof last === 'string') assert.ok(at.startsWith(JSON.stringify(last)), `${path.join('.')} at ${at}`);
    }),
  );
});

function* pathsOf(value: unknown, above: readonly Segment[] = []): Generator<readonly Segment[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const path = [...above, Array.isArray(value) ? Number(key) : key];
    yield path;
    yield* pathsOf(inner, path);
  }
}

test('property: a spoilt manifest is read or refused with a place in the file, never thrown over', () => {
  const spoil = fc.oneof(
    fc.constantFrom('\t', '\0', ':', '- ', '{', '[', '"', "'", '&a ', '*a', '\n', '  ', '|', '>', '%', '!!x ', '? ', '#', '<<: ', '\ufffd'),
    fc.string(),
  );
  let [read, refused] = [0, 0];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(MANIFEST.length), spoil), { minLength: 1, maxLength: 4 }), (spots) => {
      let text = MANIFEST;
      for (const [at, what] of spots) text = text.slice(0, at) + what + text.slice(at);
      const found = readDocuments(bytes(text));
      if (found.kind === 'documents') {
        read += 1;
        for (const document of found.documents) {
          const parsed = parseAs(podKind, document.value);
          if (parsed.kind === 'problems') for (const p of parsed.problems) assert.ok(locateProblem(document, p).line >= 1);
        }
        return;
      }
      refused += 1;
      assert.ok(found.problems.length > 0);
      const lines = text.split('\n').length;
      for (const { line, column, message } of found.problems) assert.ok(line >= 1 && line <= lines && column >= 1 && message !== '');
    }),
    { numRuns: 500 },
  );
  assert.ok(read > 20 && refused > 20, `one-sided: ${read} read, ${refused} refused`);
});

test('property: random bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => void readDocuments(raw)));
});
