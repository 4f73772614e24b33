import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadSchema } from './codec.ts';
import { definitionsOf, loadProtos, type Definition, type Field } from './schema.ts';

const schema = loadSchema();
const protos = loadProtos();
const definitions = definitionsOf(protos);
const byName = new Map(definitions.map((d) => [d.name, d]));
const messages = definitions.filter((d) => d.kind === 'message');

test('codec: the same bytes and the same objects as @grpc/proto-loader, for every message', () => {
  let filled = 0;
  for (const d of messages) {
    const fullName = `${d.package}.${d.name}`;
    const ours = schema.message(fullName);
    const theirs = protos[fullName] as unknown as { serialize(value: object): Buffer; deserialize(bytes: Buffer): object };
    fc.assert(
      fc.property(valueOf(d, 2), (value) => {
        const bytes = ours.encode(value);
        assert.deepEqual(bytes, theirs.serialize(value));
        const back = ours.decode(bytes);
        assert.deepEqual(back, theirs.deserialize(bytes));
        assert.deepEqual(ours.decode(ours.encode(back)), back);
        filled += Number(bytes.length > 0);
      }),
      { numRuns: 20 },
    );
  }
  assert.ok(filled > messages.length * 5, `only ${filled} of the generated messages held anything`);
});

test('codec: 64-bit integers come through whole, as do the ends of their ranges', () => {
  const resources = schema.message<Record<string, string>>('runtime.v1.LinuxContainerResources');
  for (const n of ['9223372036854775807', '-9223372036854775808', '9007199254740993', '-1']) {
    assert.equal(resources.decode(resources.encode({ memory_limit_in_bytes: n }))['memory_limit_in_bytes'], n);
  }
  const size = schema.message<Record<string, string>>('runtime.v1.UInt64Value');
  assert.equal(size.decode(size.encode({ value: '18446744073709551615' }))['value'], '18446744073709551615');
  assert.equal(size.decode(size.encode({ value: 4096 }))['value'], '4096');
});

test('codec: what is absent is null for a message and the zero value for everything else', () => {
  assert.deepEqual(schema.message('runtime.v1.ContainerStatusResponse').decode(Buffer.alloc(0)), { status: null, info: {} });
  assert.deepEqual(schema.message('runtime.v1.PodSandboxStateValue').decode(Buffer.alloc(0)), { state: 'SANDBOX_READY' });
  assert.deepEqual(schema.message('runtime.v1.ExecSyncResponse').decode(Buffer.alloc(0)), {
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
    exit_code: 0,
  });
});

test('codec: fields and enum values of a newer runtime do no harm', () => {
  const status = schema.message<{ id: string; state: unknown }>('runtime.v1.PodSandboxStatus');
  const newer = Buffer.concat([status.encode({ id: 'x' }), Buffer.from([0x18, 0x09, 0xfa, 0x3f, 0x02, 0x61, 0x62])]); // state = 9, field 1023
  assert.equal(status.decode(newer).id, 'x');
  assert.equal(status.decode(newer).state, 9);
});

test('codec: bytes that are no message are refused, never half read', () => {
  const list = schema.message('runtime.v1.ListContainersResponse');
  assert.throws(() => list.decode(Buffer.from([0x0a, 0x7f, 0x01])), RangeError);
  assert.throws(() => list.encode({ containers: 'x' }), TypeError);
});

function valueOf(d: Definition, depth: number): fc.Arbitrary<object> {
  if (d.kind !== 'message') throw new Error(`${d.name} is no message`);
  const fields = d.fields.filter((f) => depth > 0 || byName.get(f.type)?.kind !== 'message');
  return fc.record(Object.fromEntries(fields.map((f) => [f.name, fieldOf(f, depth)])), { requiredKeys: [] });
}

function fieldOf(f: Field, depth: number): fc.Arbitrary<unknown> {
  const one = scalarOf(f.type, depth);
  if (f.mapKey !== undefined) return fc.dictionary(fc.string({ maxLength: 5 }), one, { maxKeys: 3, noNullPrototype: true });
  return f.repeated ? fc.array(one, { maxLength: 3 }) : one;
}

function scalarOf(type: string, depth: number): fc.Arbitrary<unknown> {
  const definition = byName.get(type);
  if (definition?.kind === 'message') return valueOf(definition, depth - 1);
  if (definition?.kind === 'enum') return fc.constantFrom(...definition.values.map(([name]) => name));
  const kinds: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    string: fc.string({ unit: 'grapheme', maxLength: 8 }),
    bytes: fc.uint8Array({ maxLength: 8 }).map((b) => Buffer.from(b)),
    bool: fc.boolean(),
    double: fc.double({ noNaN: true, noDefaultInfinity: true }),
    int32: fc.integer(),
    uint32: fc.nat(),
    int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    uint64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  };
  const kind = kinds[type];
  if (kind === undefined) throw new Error(`no generator for ${type}`);
  return kind;
}
