/**
 * Reads the .proto files and says what belongs into gen/: TypeScript types, and a descriptor that needs no parser at run time.
 * `node cri-proto/generate.ts` writes it; generate.test.ts compares.
 */
import { writeFileSync } from 'node:fs';
import { definitionsOf, loadProtos, type Definition, type Field, type Method } from './schema.ts';

/** File name below gen/ -> content. */
export function generate(): ReadonlyMap<string, string> {
  const all = definitionsOf(loadProtos());
  return new Map([
    ['cri.ts', renderTypes(all.filter((d) => d.package === 'runtime.v1'))],
    ['containerd.ts', renderTypes(all.filter((d) => d.package !== 'runtime.v1'))],
    ['descriptor.json', renderDescriptor(all)],
  ]);
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  bytes: 'Buffer',
  double: 'number',
  int32: 'number',
  uint32: 'number',
  int64: 'Int64',
  uint64: 'Int64',
};

function renderTypes(definitions: readonly Definition[]): string {
  const enums = new Set(definitions.filter((d) => d.kind === 'enum').map((d) => d.name));
  const text = definitions.map((d) => renderType(d, enums)).join('\n\n');
  const used = ['CallOptions', 'Input', 'Int64'].filter((name) => new RegExp(`\\b${name}\\b`).test(text));
  return `// Made by generate.ts from the .proto files. Do not edit.\nimport type { ${used.join(', ')} } from '../values.ts';\n\n${text}\n`;
}

function renderType(d: Definition, enums: ReadonlySet<string>): string {
  if (d.kind === 'enum') return `export type ${d.name} = ${d.values.map(([name]) => `'${name}'`).join(' | ')};`;
  const lines = d.kind === 'message' ? d.fields.map((f) => `readonly ${f.name}: ${tsType(f, enums)};`) : d.methods.map(tsMethod);
  return `export interface ${d.name} {${block(lines)}}`;
}

function block(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `\n${lines.map((l) => `  ${l}\n`).join('')}`;
}

function tsType(f: Field, enums: ReadonlySet<string>): string {
  const one = SCALARS[f.type] ?? f.type;
  if (f.mapKey !== undefined) return `Readonly<Record<string, ${one}>>`;
  if (f.repeated) return `readonly ${one}[]`;
  return f.type in SCALARS || enums.has(f.type) ? one : `${one} | null`;
}

function tsMethod(m: Method): string {
  const answer = m.streams ? `AsyncIterable<${m.response}>` : `Promise<${m.response}>`;
  return `${lowerFirst(m.name)}(request: Input<${m.request}>, options?: CallOptions): ${answer};`;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/** Package -> definition -> what protobufjs reads as JSON, one definition a line. */
function renderDescriptor(definitions: readonly Definition[]): string {
  const homes = new Map(definitions.map((d) => [d.name, d.package]));
  const lines = [...Map.groupBy(definitions, (d) => d.package)].map(([name, ds]) => {
    const inner = ds.map((d) => `${JSON.stringify(d.name)}: ${JSON.stringify(describe(d, homes))}`);
    return `${JSON.stringify(name)}: {\n${inner.join(',\n')}\n}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

function describe(d: Definition, homes: ReadonlyMap<string, string>): object {
  if (d.kind === 'enum') return { values: Object.fromEntries(d.values) };
  if (d.kind === 'message') return { fields: Object.fromEntries(d.fields.map((f) => [f.name, describeField(f, d.package, homes)])) };
  return { methods: Object.fromEntries(d.methods.map((m) => [m.name, describeMethod(m)])) };
}

function describeMethod(m: Method): object {
  return { requestType: m.request, responseType: m.response, ...(m.streams ? { responseStream: true } : {}) };
}

function describeField(f: Field, from: string, homes: ReadonlyMap<string, string>): object {
  const home = homes.get(f.type) ?? from;
  const type = home === from ? f.type : `${home}.${f.type}`;
  return { ...(f.mapKey === undefined ? {} : { keyType: f.mapKey }), type, id: f.number, ...(f.repeated ? { rule: 'repeated' } : {}) };
}

if (import.meta.main) {
  for (const [name, text] of generate()) writeFileSync(new URL(`gen/${name}`, import.meta.url), text);
}
