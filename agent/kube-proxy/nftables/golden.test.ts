/** The corpus of services that the other modes have too, as this mode writes it. UPDATE=1 rewrites. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL } from '../endpoints.ts';
import { FAMILIES } from '../ip.ts';
import type { ProxySettings } from '../proxier.ts';
import { serviceKey } from '../services.ts';
import { settingsOf, tableOf } from '../testing.ts';
import { emptyContent } from './content.ts';
import { diffContent, renderChanges } from './diff.ts';
import { wordsOf } from './names.ts';
import { desiredContent } from './proxier.ts';

const inputs = new URL('../iptables/testdata/', import.meta.url).pathname;
const outputs = new URL('testdata/', import.meta.url).pathname;

for (const file of readdirSync(inputs).filter((f) => f.endsWith('.input.yaml'))) {
  test(`golden: ${file}`, () => {
    const documents = parseAllDocuments(readFileSync(inputs + file, 'utf8')).map((d) => d.toJS() as { kind: string });
    const slices = documents.filter((d) => d.kind === 'EndpointSlice') as unknown as EndpointSlice[];
    const services = documents.filter((d) => d.kind === 'Service') as unknown as Service[];
    const settings = documents.find((d) => d.kind === 'Settings') as unknown as Partial<ProxySettings> | undefined;
    const table = tableOf(
      services.map((service) => ({
        service,
        slices: slices.filter((s) => `${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_NAME_LABEL]}` === serviceKey(service)),
      })),
    );
    const text = FAMILIES.filter((family) => table.ports(family).size > 0)
      .map((family) => {
        const words = wordsOf(family);
        const { content } = desiredContent(table.ports(family).values(), { ...settingsOf(family), ...settings });
        const changes = diffContent({ before: emptyContent(), after: content, words, sameRules: () => false, hookOf: () => undefined });
        // Emptying what was just made says nothing.
        const { main } = renderChanges(changes, words);
        return `${main.filter((command) => !command.startsWith('flush')).join('\n')}\n`;
      })
      .join('\n');
    const want = outputs + file.replace('.input.yaml', '.txt');
    if (process.env['UPDATE'] === '1') writeFileSync(want, text);
    assert.equal(text, readFileSync(want, 'utf8'));
  });
}
