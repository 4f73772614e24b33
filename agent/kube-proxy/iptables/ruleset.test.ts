import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL } from '../endpoints.ts';
import { FAMILIES, type Family } from '../ip.ts';
import { expectedOutcomes, type Packet } from '../packet.ts';
import type { ProxySettings } from '../proxier.ts';
import { serviceKey } from '../services.ts';
import type { ServiceTable } from '../serviceTable.ts';
import { corpus, packetTo, settingsOf, shuffledOf, tableOf } from '../testing.ts';
import { walkPacket } from '../trace.ts';
import { chainsOf } from './names.ts';
import { probability } from './portRules.ts';
import { planRuleset, type Plan, type Ruleset } from './ruleset.ts';
import { diffTables, readSave, type SavedTables } from './tables.ts';
import { renderBatches } from './writes.ts';

test('chainsOf: names are those that upstream gives', () => {
  assert.equal(chainsOf({ name: 'default/kubernetes:https', protocol: 'tcp' }).cluster, 'KUBE-SVC-NPX46M4PTMTKRN6Y');
  assert.equal(chainsOf({ name: 'kube-system/kube-dns:dns', protocol: 'udp' }).cluster, 'KUBE-SVC-TCOU7JCQXEZGVUNU');
  assert.equal(chainsOf({ name: 'kube-system/kube-dns:dns-tcp', protocol: 'tcp' }).cluster, 'KUBE-SVC-ERIFXISQEP7F7OF4');
});

test('probability: the text the kernel gives back', () => {
  assert.deepEqual([2, 3, 7].map(probability), ['0.50000000000', '0.33333333349', '0.14285714272']);
});

const EMPTY = (): SavedTables =>
  readSave(
    '*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT',
  );

/** The tables after writing everything into empty ones. */
function written(plan: Plan): string {
  return renderBatches(diffTables(EMPTY(), plan).writes, { linesPerBatch: Infinity })
    .map((b) => Buffer.concat(b.parts).toString())
    .join('');
}

function inKernel({ fixed, services }: Plan): SavedTables {
  const tables = EMPTY();
  for (const { own, dispatch } of services) {
    for (const [chain, rules] of own) tables.nat.set(chain, [...rules]);
    for (const { table, chain, rule } of dispatch) fixed[table].dispatch.get(chain)?.rules.push(rule);
  }
  for (const [name, { chains, dispatch, hooks }] of Object.entries(fixed) as [keyof Ruleset, Ruleset[keyof Ruleset]][]) {
    for (const [chain, rules] of chains) tables[name].set(chain, [...rules]);
    for (const [chain, { rules, tail }] of dispatch) tables[name].set(chain, [...rules, ...tail]);
    for (const { chain, rule } of hooks) tables[name].set(chain, [...(tables[name].get(chain) ?? []), rule]);
  }
  return tables;
}

const directory = new URL('testdata/', import.meta.url).pathname;
for (const file of readdirSync(directory).filter((f) => f.endsWith('.input.yaml'))) {
  test(`golden: ${file}`, () => {
    const documents = parseAllDocuments(readFileSync(directory + file, 'utf8')).map((d) => d.toJS() as { kind: string });
    const slices = documents.filter((d) => d.kind === 'EndpointSlice') as unknown as EndpointSlice[];
    const services = documents.filter((d) => d.kind === 'Service') as unknown as Service[];
    const settings = documents.find((d) => d.kind === 'Settings') as unknown as Partial<ProxySettings> | undefined;
    const table = tableOf(
      services.map((service) => ({
        service,
        slices: slices.filter((s) => `${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_NAME_LABEL]}` === serviceKey(service)),
      })),
    );
    const { kind: _kind, ...given } = { kind: '', ...settings };
    const text = FAMILIES.filter((f) => table.ports(f).size > 0)
      .map((f) => `# ${f}\n${written(planRuleset(table.ports(f).values(), { ...settingsOf(f), ...given }, 'commented'))}`)
      .join('');
    const golden = directory + file.replace('.input.yaml', '.txt');
    if (process.env['UPDATE'] === '1') writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
  });
}

const scenario = fc.record({
  inputs: corpus(),
  family: fc.constantFrom<Family>(...FAMILIES),
  masqueradeAll: fc.boolean(),
  localTraffic: fc.constantFrom('unknown', 'cidr', 'bridge', 'interfacePrefix'),
  nodePorts: fc.constantFrom('all', 'only'),
  localhostNodePorts: fc.boolean(),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

function planOf({ inputs, family, ...choices }: Scenario): { table: ServiceTable; settings: ProxySettings; plan: Plan } {
  const table = tableOf(inputs);
  const settings = settingsOf(family, choices);
  return { table, settings, plan: planRuleset(table.ports(family).values(), settings, 'commented') };
}

test('planRuleset: a packet ends where the services say it ends, each endpoint with its exact share', () => {
  const met = new Map<string, number>();
  fc.assert(
    fc.property(
      scenario.chain((s) => fc.tuple(fc.constant(s), fc.array(packetTo(s.family, s.inputs), { minLength: 5, maxLength: 5 }))),
      ([s, packets]) => {
        const { table, settings, plan } = planOf(s);
        const kernel = inKernel(plan);
        for (const packet of packets) {
          const want = expectedOutcomes(table.ports(s.family).values(), settings, packet, { unservedFromNode: 'pass' });
          assertSame(walkPacket(kernel, packet).outcomes, want, packet);
          for (const outcome of want.keys()) {
            const kind = outcome.replace(/^[[\d].*:\d+/, 'endpoint');
            met.set(kind, (met.get(kind) ?? 0) + 1);
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
  for (const kind of ['endpoint', 'endpoint masqueraded', 'reject', 'drop', 'pass'])
    assert.ok((met.get(kind) ?? 0) > 20, `the generator hardly made: ${kind}`);
});

function assertSame(got: ReadonlyMap<string, number>, want: ReadonlyMap<string, number>, packet: Packet): void {
  assert.deepEqual([...got.keys()].sort(), [...want.keys()].sort(), JSON.stringify(packet));
  // The kernel rounds a probability to 2^-31.
  for (const [outcome, share] of want)
    assert.ok(Math.abs((got.get(outcome) ?? 0) - share) < 1e-8, `${outcome}: ${got.get(outcome)} is not ${share}`);
}

test('planRuleset: the order of its input does not show in what is written', () =>
  fc.assert(
    fc.property(
      scenario.chain((s) => fc.tuple(fc.constant(s), shuffledOf(s.inputs))),
      ([s, inputs]) => assert.equal(written(planOf({ ...s, inputs }).plan), written(planOf(s).plan)),
    ),
  ));

test('planRuleset: names fit the kernel, and every jump has its chain', () =>
  fc.assert(
    fc.property(scenario, (s) => {
      const kernel = inKernel(planOf(s).plan);
      for (const table of ['nat', 'filter'] as const) {
        for (const [chain, rules] of kernel[table]) {
          assert.ok(chain.length <= 28);
          for (const rule of rules) {
            const to = /-j (KUBE-\S+)/.exec(rule)?.[1];
            if (to !== undefined) assert.ok(kernel[table].has(to), `${chain} jumps to ${to}`);
            assert.ok((/--comment "([^"]*)"/.exec(rule)?.[1] ?? '').length < 256);
          }
        }
      }
    }),
  ));
