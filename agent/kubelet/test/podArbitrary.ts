/** Manifests that this kubelet takes, and ways to spoil them, for property tests. Pure. */
import fc from 'fast-check';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Plain = Record<string, unknown>;

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'.split('');
const label = fc
  .tuple(
    fc.constantFrom(...LETTERS.slice(0, 26)),
    fc.string({ unit: fc.constantFrom(...LETTERS, '-'), maxLength: 12 }),
    fc.constantFrom(...LETTERS),
  )
  .map((parts) => parts.join(''));
/** Texts as people write them, and texts that YAML or a shell could misread. */
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    'yes',
    'no',
    'null',
    '~',
    '0644',
    '1e3',
    '0x10',
    '2001-01-01',
    '',
    ' ',
    '- a',
    'a: b',
    '#no',
    '$(X)',
    '|',
    '>',
    '&a',
    '*a',
    "'",
    '"',
  ),
);
const unseen = (s: string): string => s.replaceAll(/[\u0000-\u001f\u007f]/gu, '.'); // oxlint-disable-line no-control-regex -- not in a text file
const word = text.map(unseen);
const absolutePath = label.map((l) => `/${l}`);
const image = fc.tuple(label, fc.constantFrom('', ':1', ':1.29-alpine', ':latest')).map(([name, tag]) => name.replaceAll('--', '-') + tag);
const quantity = fc.record({ limits: fc.record({ cpu: fc.constantFrom('1', '500m', 2), memory: fc.constantFrom('64Mi', '1Gi') }) });
const annotationKey = fc.oneof(
  label,
  label.map((l) => `example.com/${l}`),
);

const env = fc.oneof(
  fc.record({ name: label.map((l) => l.toUpperCase().replaceAll('-', '_')), value: word }),
  fc.record({
    name: label.map((l) => `F_${l}`),
    valueFrom: fc.record({
      fieldRef: fc.record({ fieldPath: fc.constantFrom('metadata.name', 'status.podIP', "metadata.labels['app']") }),
    }),
  }),
);

function mounts(volumes: readonly string[]): fc.Arbitrary<Plain[]> {
  return fc.uniqueArray(
    fc.record(
      { name: fc.constantFrom(...volumes), mountPath: absolutePath, readOnly: fc.boolean() },
      { requiredKeys: ['name', 'mountPath'] },
    ),
    { maxLength: volumes.length, selector: (m) => m.mountPath },
  );
}

function container(volumes: readonly string[]): fc.Arbitrary<Plain> {
  return fc.record(
    {
      name: label,
      image,
      command: fc.array(word, { maxLength: 3 }),
      args: fc.array(word, { maxLength: 3 }),
      workingDir: absolutePath,
      env: fc.uniqueArray(env, { maxLength: 3, selector: (e) => e.name }),
      resources: quantity,
      imagePullPolicy: fc.constantFrom('Always', 'IfNotPresent', 'Never'),
      ports: fc.uniqueArray(fc.record({ containerPort: fc.integer({ min: 1, max: 65_535 }) }), {
        maxLength: 2,
        selector: (p) => p.containerPort,
      }),
      tty: fc.boolean(),
      ...(volumes.length > 0 ? { volumeMounts: mounts(volumes) } : {}),
    },
    { requiredKeys: ['name', 'image'] },
  ) as fc.Arbitrary<Plain>;
}

const volume = (name: string): fc.Arbitrary<Plain> =>
  fc.oneof(
    fc.constant({ name, emptyDir: {} }),
    fc.record({
      name: fc.constant(name),
      hostPath: fc.record({ path: absolutePath, type: fc.constantFrom('', 'Directory', 'FileOrCreate') }),
    }),
  );

/** A manifest that readManifest must take. */
export const validPod: fc.Arbitrary<Plain> = fc
  .record({
    volumes: fc.uniqueArray(label, { maxLength: 2 }),
    names: fc.uniqueArray(label, { minLength: 1, maxLength: 4 }),
    inits: fc.integer({ min: 0, max: 1 }),
  })
  .chain(({ volumes, names, inits }) => {
    const named = (name: string): fc.Arbitrary<Plain> => container(volumes).map((c) => ({ ...c, name }));
    const [first, rest] = [names.slice(0, Math.max(1, names.length - inits)), names.slice(Math.max(1, names.length - inits))];
    return fc.record(
      {
        apiVersion: fc.constant('v1'),
        kind: fc.constant('Pod'),
        metadata: fc.record(
          {
            name: label,
            namespace: label,
            labels: fc.dictionary(label, label, { maxKeys: 3 }),
            annotations: fc.dictionary(annotationKey, word, { maxKeys: 2 }),
          },
          { requiredKeys: ['name'] },
        ),
        spec: fc.record(
          {
            containers: fc.tuple(...first.map(named)),
            ...(rest.length > 0 ? { initContainers: fc.tuple(...rest.map(named)) } : {}),
            ...(volumes.length > 0 ? { volumes: fc.tuple(...volumes.map(volume)) } : {}),
            restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
            terminationGracePeriodSeconds: fc.integer({ min: 0, max: 600 }),
            hostNetwork: fc.constant(false),
            hostname: label,
          },
          { requiredKeys: volumes.length > 0 ? ['containers', 'volumes'] : ['containers'] },
        ),
      },
      { requiredKeys: ['apiVersion', 'kind', 'metadata', 'spec'] },
    ) as fc.Arbitrary<Plain>;
  });

export interface Spoiled {
  /** What was done to it. */
  readonly how: string;
  readonly value: unknown;
}

/** A name of Object.prototype is a trap for code that looks fields up in plain objects. */
const TRAPS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
const odd: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, -1, 0, 1e308, 2 ** 53 + 1, -0.5, '', 'x'.repeat(300), [], {}, [[]], [null], { a: null }),
  fc.constantFrom<Json>(
    ...TRAPS.map((name): Json => ({ [name]: { polluted: true } })),
    JSON.parse('{"__proto__":{"polluted":true}}') as Json,
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

/** One change to the object: where is picked by the number at, among all its fields and items. */
export const objectMutation = fc.oneof(
  fc.record({ how: fc.constant('value replaced'), at: fc.nat(), with: odd }),
  fc.record({ how: fc.constant('field removed'), at: fc.nat() }),
  fc.record({ how: fc.constant('field added'), at: fc.nat(), name: fc.oneof(fc.constantFrom(...TRAPS), word, label), with: odd }),
  fc.record({ how: fc.constant('field renamed'), at: fc.nat(), name: fc.oneof(fc.constantFrom(...TRAPS), word) }),
  fc.record({ how: fc.constant('field misspelt'), at: fc.nat() }),
  fc.record({ how: fc.constant('item doubled'), at: fc.nat() }),
  fc.record({ how: fc.constant('nested deeply'), at: fc.nat(), levels: fc.integer({ min: 2, max: 150 }) }),
);
export type ObjectMutation = typeof objectMutation extends fc.Arbitrary<infer T> ? T : never;

interface Place {
  readonly parent: Record<string, unknown>;
  readonly key: string;
}

function places(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ parent: value as Record<string, unknown>, key });
    places((value as Record<string, unknown>)[key], found);
  }
  return found;
}

export function spoil(pod: Plain, mutation: ObjectMutation): Spoiled {
  const value = structuredClone(pod);
  const all = places(value);
  const { parent, key } = all[mutation.at % all.length] ?? { parent: value, key: 'spec' };
  const put = (name: string, what: unknown): unknown =>
    Object.defineProperty(parent, name, { value: what, enumerable: true, configurable: true, writable: true });
  const before = parent[key];
  const take = (): void => {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  };
  if ('levels' in mutation) {
    let deep: unknown = before;
    for (let i = 0; i < mutation.levels; i++) deep = i % 2 === 0 ? [deep] : { x: deep };
    put(key, deep);
  } else if (mutation.how === 'field removed') take();
  else if (mutation.how === 'field misspelt') {
    take();
    put(Array.isArray(parent) ? key : key.slice(1) + key.slice(0, 1), before);
  } else if (mutation.how === 'item doubled') {
    const list = Array.isArray(before) ? before : Array.isArray(parent) ? parent : [before];
    if (list.length > 0) list.push(structuredClone(list[0]));
    if (!Array.isArray(before) && !Array.isArray(parent)) put(key, list);
  } else if ('name' in mutation && !('with' in mutation)) {
    take();
    put(Array.isArray(parent) ? key : mutation.name, before);
  } else if ('name' in mutation) put(Array.isArray(parent) ? String(parent.length) : mutation.name, mutation.with);
  else if ('with' in mutation) put(key, mutation.with);
  return { how: mutation.how, value };
}

const oddBytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 6 }),
  fc.constantFrom(
    ...[
      '\t',
      '\0',
      '\u0085',
      '\u2028',
      '\ufeff',
      '\ud83d\ude00',
      '&a ',
      '*a',
      '<<: ',
      '!!binary ',
      '---\n',
      '...\n',
      '%YAML 9.9\n',
      '? ',
      '{',
      '[',
      '"',
      "'",
      '|\n',
      ': ',
    ].map((s) => new TextEncoder().encode(s)),
  ),
);

/** One change to the text or its bytes. */
export const textMutation = fc.oneof(
  fc.record({ how: fc.constant('cut'), at: fc.nat() }),
  fc.record({ how: fc.constant('line doubled'), at: fc.nat() }),
  fc.record({ how: fc.constant('line removed'), at: fc.nat() }),
  fc.record({ how: fc.constant('lines swapped'), at: fc.nat() }),
  fc.record({ how: fc.constant('indentation changed'), at: fc.nat(), by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ how: fc.constant('indentation swapped'), at: fc.nat() }),
  fc.record({ how: fc.constant('tab for spaces'), at: fc.nat() }),
  fc.record({ how: fc.constant('bytes put in'), at: fc.nat(), bytes: oddBytes }),
  fc.record({ how: fc.constant('byte changed'), at: fc.nat(), bytes: oddBytes }),
);
export type TextMutation = typeof textMutation extends fc.Arbitrary<infer T> ? T : never;

export function spoilText(bytes: Uint8Array, mutation: TextMutation): Uint8Array {
  const { at } = mutation;
  const place = at % (bytes.length + 1);
  if (mutation.how === 'cut') return bytes.slice(0, place);
  if ('bytes' in mutation) {
    const after = bytes.slice(mutation.how === 'byte changed' ? place + mutation.bytes.length : place);
    return Buffer.concat([bytes.slice(0, place), mutation.bytes, after]);
  }
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  const i = at % lines.length;
  const [line = '', next = ''] = [lines[i], lines[i + 1]];
  const indent = (text: string): string => /^ */.exec(text)?.[0] ?? '';
  if (mutation.how === 'line doubled') lines.splice(i, 0, line);
  else if (mutation.how === 'line removed') lines.splice(i, 1);
  else if (mutation.how === 'lines swapped') lines.splice(i, 2, next, line);
  else if ('by' in mutation)
    lines[i] = mutation.by < 0 ? line.replace(new RegExp(`^ {0,${-mutation.by}}`), '') : ' '.repeat(mutation.by) + line;
  else if (mutation.how === 'indentation swapped') lines.splice(i, 2, indent(next) + line.trimStart(), indent(line) + next.trimStart());
  else lines[i] = line.replace(/^ {1,8}/, '\t');
  return Buffer.from(lines.join('\n'), 'latin1');
}
