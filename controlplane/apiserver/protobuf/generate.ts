/**
 * Writes gen/fieldNumbers.ts: the protobuf number of every field, read from the tags in upstream's Go types. Run by hand for a new release:
 *   node controlplane/apiserver/protobuf/generate.ts <checkout of k8s.io/api> <checkout of k8s.io/apimachinery>
 * Only names and numbers are taken: what a field means and holds is known to our own schemas.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const TAG = /^\s*(?:\w+\s+)?([\w.*[\]]+)\s+`.*json:"([^",]*)(?:,(\w+))?[^"]*"(?:.*protobuf:"\w+,(\d+),)?/;

function structsOf(text: string, group: string): [string, string][] {
  const out: [string, string][] = [];
  for (const found of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    const fields = (found[2] ?? '').split('\n').flatMap((line) => fieldOf(line.replace(/\/\/.*/, ''), group));
    if (fields.length > 0) out.push([`${group}.${found[1]}`, fields.join(' ')]);
  }
  return out;
}

/** "name:1", with a star when Go tells zero from absent, or "+2:Type" for the fields of another type that stand in its place. */
function fieldOf(line: string, group: string): string[] {
  const found = TAG.exec(line);
  const number = found?.[4];
  if (found === null || number === undefined) return [];
  const [, type = '', name = ''] = found;
  if (name === '') return [`+${number}:${type.includes('.') ? type.replace(/^.*\./, 'core/v1.') : `${group}.${type}`}`];
  return name === '-' ? [] : [`${name}:${number}${type.startsWith('*') ? '*' : ''}`];
}

function* typeFiles(api: string, machinery: string): Iterable<readonly [file: string, group: string]> {
  for (const group of readdirSync(api)) {
    for (const version of ['v1', 'v2']) {
      const file = `${api}/${group}/${version}/types.go`;
      try {
        readFileSync(file);
      } catch {
        continue;
      }
      yield [file, `${group}/${version}`];
    }
  }
  yield [`${machinery}/pkg/apis/meta/v1/types.go`, 'meta/v1'];
}

const [api, machinery] = process.argv.slice(2);
if (api === undefined || machinery === undefined) throw new TypeError('want two folders: k8s.io/api and k8s.io/apimachinery');
const all = [...typeFiles(api, machinery)].flatMap(([file, group]) => structsOf(readFileSync(file, 'utf8'), group));
const lines = all.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, fields]) => `  '${name}': '${fields}',`);
const head = '// Written by protobuf/generate.ts: the protobuf numbers of the fields of each type. Kubernetes 1.36.';
writeFileSync(
  new URL('gen/fieldNumbers.ts', import.meta.url),
  `${head}\nexport const FIELD_NUMBERS: Readonly<Record<string, string>> = {\n${lines.join('\n')}\n};\n`,
);
