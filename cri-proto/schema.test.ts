import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generate } from './generate.ts';
import { definitionsOf, loadProtos, type Definition, type Field } from './schema.ts';

const definitions = definitionsOf(loadProtos());

/**
 * testdata/cri-0.36.facts was not made from our api.proto but from the compiled Go bindings of cri-api 0.36.3 (field tags, enum
 * tables, client interfaces): one line for each message, enum and call, sorted.
 */
test('api.proto has exactly the names, numbers and types of CRI 0.36', () => {
  const facts = readFileSync(new URL('testdata/cri-0.36.facts', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(facts.length, 222);
  const ours = definitions
    .filter((d) => d.package === 'runtime.v1')
    .flatMap(lines)
    .sort((a, b) => (a < b ? -1 : 1));
  assert.deepEqual(ours, facts);
});

test('gen/ is what generate.ts makes of the .proto files', () => {
  for (const [name, text] of generate()) {
    const committed = readFileSync(new URL(`gen/${name}`, import.meta.url), 'utf8');
    assert.ok(committed === text, `gen/${name} is out of date: run node cri-proto/generate.ts`);
  }
});

test('no two definitions share a name, since gen/ and the descriptor go by the last part of it', () => {
  const names = definitions.map((d) => d.name);
  assert.equal(new Set(names).size, names.length);
});

function lines(d: Definition): string[] {
  if (d.kind === 'enum') return [`enum ${d.name}: ${d.values.map(([name, number]) => `${number} ${name}`).join(', ')}`];
  if (d.kind === 'service') {
    return d.methods.map((m) => `rpc ${d.name}.${m.name}: ${m.request} -> ${m.streams ? 'stream ' : ''}${m.response}`);
  }
  const fields = d.fields.map((f) => `${f.number} ${f.name} ${typeText(f)}`);
  return [fields.length === 0 ? `message ${d.name}` : `message ${d.name}: ${fields.join(', ')}`];
}

function typeText(f: Field): string {
  if (f.mapKey !== undefined) return `map<${f.mapKey}, ${f.type}>`;
  return f.repeated ? `repeated ${f.type}` : f.type;
}
