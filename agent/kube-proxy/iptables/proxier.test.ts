import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { FakeIptables } from '../../linux/fake/iptables.ts';
import type { Iptables } from '../../linux/iptables.ts';
import type { Family } from '../ip.ts';
import { serviceKey, type ServiceInput } from '../services.ts';
import type { ServiceTable } from '../serviceTable.ts';
import { NODE, corpus, service, settingsOf, slice, tableOf } from '../testing.ts';
import { iptablesDriver } from './driver.ts';
import { IptablesProxier } from './proxier.ts';
import { stateOf } from './testing.ts';

const never = new AbortController().signal;
const settings = settingsOf('IPv4');

function proxierOn(iptables: FakeIptables, family: Family = 'IPv4'): IptablesProxier {
  return new IptablesProxier({ family, iptables, clock: new ManualClock(), watch: iptables.watch() });
}

async function full(proxier: IptablesProxier, table: ServiceTable): Promise<number> {
  table.takeChanges(proxier.family);
  return (await proxier.sync({ services: table.ports(proxier.family), changed: undefined, settings: settingsOf(proxier.family) }, never))
    .linesWritten;
}

function partial(proxier: IptablesProxier, table: ServiceTable): Promise<{ linesWritten: number; kind: string }> {
  const { family } = proxier;
  return proxier.sync({ services: table.ports(family), changed: table.takeChanges(family), settings: settingsOf(family) }, never);
}

function change(table: ServiceTable, before: readonly ServiceInput[], after: readonly ServiceInput[]): void {
  const kept = new Set(after.map((i) => serviceKey(i.service)));
  for (const i of after) table.set(serviceKey(i.service), i);
  for (const i of before) if (!kept.has(serviceKey(i.service))) table.set(serviceKey(i.service), undefined);
}

test('IptablesProxier: changes one by one and a fresh full sync end in the same kernel state', () =>
  fc.assert(
    fc.asyncProperty(
      corpus(),
      fc.array(corpus(), { minLength: 1, maxLength: 3 }),
      fc.constantFrom<Family>('IPv4', 'IPv6'),
      async (start, steps, family) => {
        const iptables = new FakeIptables();
        const proxier = proxierOn(iptables, family);
        const table = tableOf(start);
        await full(proxier, table);
        let before = start;
        for (const after of steps) {
          change(table, before, after);
          assert.equal((await partial(proxier, table)).kind, 'partial');
          const fresh = new FakeIptables();
          await full(proxierOn(fresh, family), tableOf(after));
          assert.deepEqual(await stateOf(iptables), await stateOf(fresh));
          before = after;
        }
        assert.equal(await full(proxier, table), 0, 'a full sync finds nothing to do');
      },
    ),
    { numRuns: 60 },
  ));

test('IptablesProxier: a full sync over what another left ends where a fresh one ends, with the rules of others in place', () =>
  fc.assert(
    fc.asyncProperty(corpus(), corpus(), fc.boolean(), async (left, wanted, flushed) => {
      const iptables = new FakeIptables();
      const theirs = ['*nat', ':CNI-1 - [0:0]', '-A CNI-1 -j KUBE-MARK-MASQ', '-A POSTROUTING -j CNI-1', 'COMMIT', ''].join('\n');
      await full(proxierOn(iptables), tableOf(left));
      await iptables.restore(theirs, never);
      if (flushed) iptables.flush('filter');
      await full(proxierOn(iptables), tableOf(wanted));
      const fresh = new FakeIptables();
      await full(proxierOn(fresh), tableOf(wanted));
      await fresh.restore(theirs, never);
      assert.deepEqual(await stateOf(iptables), await stateOf(fresh));
    }),
    { numRuns: 60 },
  ));

const web = (n: number, ips: string[]): ServiceInput => ({
  service: service(`web-${n}`, { clusterIP: `10.96.0.${n}`, ports: [{ port: 80 }] }),
  slices: [slice(`web-${n}`, { endpoints: ips.map((ip) => ({ addresses: [ip] })) })],
});
const many = Array.from({ length: 30 }, (_, i) => web(i + 1, ['10.1.0.1', '10.1.0.2', '10.1.0.3']));

test('IptablesProxier: a change of one endpoint touches the chains of one service and never KUBE-SERVICES', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  table.set('default/web-7', web(7, ['10.1.0.1', '10.1.0.2', '10.1.0.9']));
  await partial(proxier, table);
  const text = iptables.restored.at(-1) ?? '';
  assert.ok(!text.includes('KUBE-SERVICES'), text);
  assert.ok(!text.includes('web-8'), text);
  assert.match(text, /-X KUBE-SEP-/);
});

test('IptablesProxier: a service comes and goes with one line in KUBE-SERVICES', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  table.set('default/web-31', web(31, ['10.1.0.1']));
  await partial(proxier, table);
  const linesOf = (text: string): string[] => text.split('\n').filter((l) => / KUBE-SERVICES /.test(l));
  assert.deepEqual(
    linesOf(iptables.restored.at(-1) ?? '').map((l) => l.slice(0, 2)),
    ['-I'],
  );
  table.set('default/web-31', undefined);
  await partial(proxier, table);
  assert.deepEqual(
    linesOf(iptables.restored.at(-1) ?? '').map((l) => l.slice(0, 2)),
    ['-D'],
  );
});

test('IptablesProxier: nothing changed, nothing is written', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  const before = iptables.restored.length;
  table.set('default/web-7', many[6]);
  assert.equal((await partial(proxier, table)).linesWritten, 0);
  assert.equal(iptables.restored.length, before);
});

test('IptablesProxier: when a service loses its last endpoint, the refusal is there before the translation goes', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  table.set('default/web-1', web(1, []));
  await partial(proxier, table);
  const gone = iptables.restored.at(-1) ?? '';
  assert.ok(gone.indexOf('-I KUBE-SERVICES -d 10.96.0.1/32') < gone.indexOf('*nat') && gone.includes('*nat'), gone);
  table.set('default/web-1', web(1, ['10.1.0.1']));
  await partial(proxier, table);
  const back = iptables.restored.at(-1) ?? '';
  assert.ok(back.indexOf('*nat') < back.indexOf('-D KUBE-SERVICES -d 10.96.0.1/32'), back);
});

test('IptablesProxier: after a refused write nothing is believed, and the next sync reads the kernel', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  // Somebody took the line away that the next change wants to remove.
  await iptables.restore(`*nat\n-D KUBE-SERVICES ${await lineOf(iptables, '10.96.0.3/32')}\nCOMMIT\n`, never);
  table.set('default/web-3', undefined);
  await assert.rejects(
    partial(proxier, table),
    (err) => codeOf(err) === 'PROXY_APPLY' && /does a matching rule exist/.test(String((err as Error).cause)),
  );
  assert.equal(await proxier.checkIntact(never), 'broken');
  assert.equal((await partial(proxier, table)).kind, 'full');
  const fresh = new FakeIptables();
  await full(proxierOn(fresh), tableOf(many.filter((_, i) => i !== 2)));
  assert.deepEqual(await stateOf(iptables), await stateOf(fresh));
});

async function lineOf(iptables: Iptables, part: string): Promise<string> {
  const lines: string[] = [];
  await iptables.save({ table: 'nat' }, (l) => lines.push(l), never);
  return lines.find((l) => l.startsWith('-A KUBE-SERVICES') && l.includes(part))!.replace('-A KUBE-SERVICES ', '');
}

test('IptablesProxier: it knows whether its rules are still there without reading them when nobody wrote', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  assert.equal(await proxier.checkIntact(never), 'broken');
  await full(proxier, table);
  let reads = 0;
  const save = iptables.save.bind(iptables);
  iptables.save = (...args) => (reads++, save(...args));
  assert.equal(await proxier.checkIntact(never), 'intact');
  assert.equal(reads, 0);
  await iptables.restore('*nat\n:OTHER - [0:0]\nCOMMIT\n', never);
  assert.equal(await proxier.checkIntact(never), 'touched');
  assert.equal(await proxier.checkIntact(never), 'intact');
  table.set('default/web-1', undefined);
  await partial(proxier, table);
  assert.equal(await proxier.checkIntact(never), 'intact', 'what we write ourselves is no news');
  iptables.flush('nat');
  assert.equal(await proxier.checkIntact(never), 'broken');
});

test('IptablesProxier: drift is named in both directions and not repaired by looking', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf(many);
  await full(proxier, table);
  const line = await lineOf(iptables, '10.96.0.3/32');
  await iptables.restore(
    `*nat\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n-D KUBE-SERVICES ${line}\n-I KUBE-SERVICES -p tcp -j RETURN\nCOMMIT\n`,
    never,
  );
  const input = { services: table.ports('IPv4'), changed: undefined, settings };
  for (const _ of [1, 2]) {
    assert.deepEqual(await proxier.readDrift(input, never), {
      missing: [`nat KUBE-SERVICES ${line}`],
      foreign: ['nat KUBE-SERVICES -p tcp -j RETURN', 'nat KUBE-SEP-AAAAAAAAAAAAAAAA: nobody needs this chain'],
    });
  }
});

test('IptablesProxier: drift names the rules of chains that have to be written anew, too', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const table = tableOf([web(1, ['10.1.0.1', '10.1.0.2'])]);
  await full(proxier, table);
  const input = { services: table.ports('IPv4'), changed: undefined, settings };
  const drift = async (...lines: string[]): Promise<unknown> => {
    await iptables.restore(['*nat', ...lines, 'COMMIT', ''].join('\n'), never);
    const found = await proxier.readDrift(input, never);
    await full(proxier, table);
    return found;
  };
  assert.deepEqual(await drift('-A KUBE-SERVICES -d 192.0.2.7/32 -j RETURN'), {
    missing: [],
    foreign: ['nat KUBE-SERVICES -d 192.0.2.7/32 -j RETURN'],
  });
  const mark = '-j MARK --set-xmark 0x4000/0x4000';
  assert.deepEqual(await drift(':KUBE-MARK-MASQ - [0:0]', '-A KUBE-MARK-MASQ -j RETURN'), {
    missing: [`nat KUBE-MARK-MASQ ${mark}`],
    foreign: ['nat KUBE-MARK-MASQ -j RETURN'],
  });
  const saved: string[] = [];
  await iptables.save({ table: 'nat' }, (line) => saved.push(line), never);
  const rules = saved.filter((line) => line.startsWith('-A KUBE-POSTROUTING')).toReversed();
  assert.deepEqual(await drift(':KUBE-POSTROUTING - [0:0]', ...rules), {
    missing: ['nat KUBE-POSTROUTING: the order of its rules'],
    foreign: [],
  });
  iptables.flush('mangle');
  assert.deepEqual(await proxier.readDrift(input, never), { missing: ['mangle KUBE-PROXY-CANARY: the chain'], foreign: [] });
});

test('IptablesProxier: above a thousand endpoints the rules of endpoints carry no comments, and they come back below', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const big = Array.from({ length: 240 }, (_, i) => i + 1).map((i) => web(i, ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4']));
  const table = tableOf(big);
  await full(proxier, table);
  const commented = async (): Promise<boolean> => (await stateOf(iptables)).some((l) => l.includes('web-5 -> '));
  assert.ok(await commented());
  change(
    table,
    [],
    Array.from({ length: 11 }, (_, i) => web(241 + i, ['10.1.1.1', '10.1.1.2', '10.1.1.3', '10.1.1.4'])),
  );
  assert.equal((await partial(proxier, table)).kind, 'full');
  assert.ok(!(await commented()));
  table.set('default/web-1', undefined);
  assert.equal((await partial(proxier, table)).kind, 'partial');
  for (let i = 2; i < 40; i++) table.set(`default/web-${i}`, undefined);
  await partial(proxier, table);
  table.set('default/web-5', web(5, ['10.1.0.1']));
  await partial(proxier, table);
  assert.ok(await commented());
});

test('IptablesProxier: explain names every rule of a service in the order a packet meets them', async () => {
  const iptables = new FakeIptables();
  const proxier = proxierOn(iptables);
  const np = web(1, ['10.1.0.1', '10.1.0.2']);
  const table = tableOf([
    { ...np, service: service('web-1', { type: 'NodePort', clusterIP: '10.96.0.1', ports: [{ port: 80, nodePort: 30_080 }] }) },
  ]);
  await full(proxier, table);
  const port = table.ports('IPv4').get('default/web-1/tcp')!;
  const frontends = await proxier.explain(port, { services: table.ports('IPv4'), changed: undefined, settings }, never);
  assert.deepEqual(
    frontends.map((f) => [f.what, f.address, f.rules.length, f.rules.every((r) => r.isInKernel && r.packets === '0')]),
    [
      ['clusterIP', '10.96.0.1:80', 8, true],
      ['nodePort', '*:30080', 10, true],
    ],
  );
  iptables.flush('nat');
  const after = await proxier.explain(port, { services: table.ports('IPv4'), changed: undefined, settings }, never);
  assert.ok(after.every((f) => f.rules.every((r) => !r.isInKernel)));
});

test('IptablesProxier: cut into transactions, a large write ends in the same state', async () => {
  const [nft, legacy] = [new FakeIptables('nft'), new FakeIptables('legacy')];
  const big = tableOf(Array.from({ length: 250 }, (_, i) => web(i + 1, ['10.1.0.1', '10.1.0.2', '10.1.0.3'])));
  for (const iptables of [nft, legacy]) await full(proxierOn(iptables), big);
  assert.ok(nft.restored.length > 1);
  assert.equal(legacy.restored.length, 1);
  assert.deepEqual(await stateOf(nft), await stateOf(legacy));
  for (const iptables of [nft, legacy]) await full(proxierOn(iptables), tableOf([]));
  assert.deepEqual(await stateOf(nft), await stateOf(legacy));
  assert.ok((await stateOf(nft)).every((line) => !line.includes('KUBE-S-')));
});

test('the driver asks once whether the kernel matches SCTP, and leaves nothing behind; SCTP ports alone are then left out, by name', async () => {
  const probed = async (lacks: string | undefined): Promise<{ iptables: FakeIptables; lacksSctp: string | undefined }> => {
    const iptables = new FakeIptables();
    iptables.lacks = lacks;
    const driver = iptablesDriver({ clock: new ManualClock(), open: async () => iptables, watch: () => iptables.watch() });
    const before = await stateOf(iptables);
    const support = await driver.probe('IPv4', never);
    assert.equal(support.kind, 'supported');
    assert.deepEqual(await stateOf(iptables), before);
    return { iptables, lacksSctp: support.kind === 'supported' ? support.lacksSctp : undefined };
  };
  assert.equal((await probed(undefined)).lacksSctp, undefined);
  const { iptables, lacksSctp } = await probed('-m sctp');
  assert.match(lacksSctp ?? '', /modprobe xt_sctp.*nftables/);
  const ports = [
    { port: 38_412, protocol: 'SCTP' as const, name: 'ngap' },
    { port: 80, name: 'http' },
  ];
  const endpoints = [{ addresses: ['10.1.0.1'] }];
  const amf: ServiceInput = {
    service: service('amf', { clusterIP: '10.96.0.7', ports }),
    slices: [slice('amf', { endpoints, ports: ports.map(({ port, ...rest }) => ({ protocol: 'TCP', ...rest, port })) })],
  };
  const node = { ...NODE, ...(lacksSctp === undefined ? {} : { lacksSctp }) };
  const table = tableOf([amf], node);
  assert.match(
    table
      .problems('default/amf')
      .map((p) => p.message)
      .join(),
    /^port 38412 \(ngap\) is SCTP and is not served: .*modprobe xt_sctp/,
  );
  await full(proxierOn(iptables), table);
  assert.ok((await stateOf(iptables)).some((line) => line.includes('default/amf:http cluster IP')));
  // What the kernel has is served as ever.
  assert.deepEqual([...tableOf([amf]).ports('IPv4').keys()], ['default/amf:ngap/sctp', 'default/amf:http/tcp']);
});
