/**
 * The ipvs mode against the real tools and the real kernel, in namespaces of its own. The rules and sets are tested everywhere; virtual
 * servers where the kernel has IPVS, which is in the virtual machine of agent/test/vm.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { ipvsDriver } from '../kube-proxy/ipvs/driver.ts';
import { IpvsKernel, type IpvsTools } from '../kube-proxy/ipvs/kernel.ts';
import { IpvsLedger } from '../kube-proxy/ipvs/ledger.ts';
import { SET_KEYS, setName } from '../kube-proxy/ipvs/names.ts';
import { planWrites } from '../kube-proxy/ipvs/plan.ts';
import { IpvsProxier, type IpvsModeOptions } from '../kube-proxy/ipvs/proxier.ts';
import type { Family } from '../kube-proxy/ip.ts';
import { isEmpty } from '../kube-proxy/iptables/writes.ts';
import { serviceKey, type ServiceInput } from '../kube-proxy/services.ts';
import type { ServiceTable } from '../kube-proxy/serviceTable.ts';
import { corpus, service, settingsOf, slice, tableOf, type SettingsChoices } from '../kube-proxy/testing.ts';
import type { IptablesBackend } from '../linux/iptables.ts';
import { openIpSets } from '../linux/ipset.ts';
import { openIpvs, type Ipvs } from '../linux/ipvs.ts';
import type { RuleWatch } from '../linux/ruleGeneration.ts';
import { PATIENCE, until } from './harness/until.ts';
import { sh, whyNoNetNs, withNetNs, type NetNs } from './proxyNet.ts';

const never = new AbortController().signal;
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const BACKENDS: readonly IptablesBackend[] = ['nft', 'legacy'];
/** Where there is IPVS it is mostly in an emulated machine, whose time is dear. */
const RUNS = PATIENCE > 1 ? 2 : 6;
const blind: RuleWatch = { foreignWrites: () => 0, wrote: () => undefined };
const OPTIONS: IpvsModeOptions = {
  scheduler: 'rr',
  excludeCidrs: ['203.0.113.0/24'],
  strictArp: true,
  tcpTimeoutSeconds: 0,
  tcpFinTimeoutSeconds: 0,
  udpTimeoutSeconds: 0,
};

async function whyNoIpset(): Promise<string | undefined> {
  return sh('ipset', '--version').then(
    () => undefined,
    () => 'needs the package ipset',
  );
}

async function whyNoIpvs(): Promise<string | undefined> {
  return openIpvs()
    .probe('rr', never)
    .then(
      () => undefined,
      (err: unknown) => (err as Error).message,
    );
}

const skip = (await whyNoNetNs()) ?? (await whyNoIpset()) ?? false;
const skipIpvs = skip === false ? ((await whyNoIpvs()) ?? false) : skip;

async function toolsIn(ns: NetNs, family: Family, backend: IptablesBackend = 'nft', ipvs: Ipvs = openIpvs(ns.via)): Promise<IpvsTools> {
  return { ipvs, ipsets: openIpSets(ns.via), iptables: await ns.iptables(backend, family) };
}

const proxierOn = (tools: IpvsTools, family: Family, options: IpvsModeOptions = OPTIONS): IpvsProxier =>
  new IpvsProxier({ family, tools, options, clock: new SystemClock(), watch: blind, serverWatch: blind });

async function full(proxier: IpvsProxier, table: ServiceTable, choices: SettingsChoices = {}): Promise<number> {
  table.takeChanges(proxier.family);
  const settings = settingsOf(proxier.family, choices);
  return (await proxier.sync({ services: table.ports(proxier.family), changed: undefined, settings }, never)).linesWritten;
}

function partial(proxier: IpvsProxier, table: ServiceTable): Promise<{ linesWritten: number; kind: string }> {
  const { family } = proxier;
  return proxier.sync({ services: table.ports(family), changed: table.takeChanges(family), settings: settingsOf(family) }, never);
}

async function stateOf(tools: IpvsTools, family: Family): Promise<unknown> {
  const { content, rules } = await new IpvsKernel(tools, family).read(settingsOf(family), never);
  return [
    [...content.addresses].sort(),
    [...content.servers]
      .map(([key, { how, reals }]) => JSON.stringify([key, how, [...reals].map((r) => r.join(' weight ')).sort()]))
      .sort(),
    [...content.entries].map(([key, all]) => JSON.stringify([key, [...all].sort()])).sort(),
    Object.values(rules).every(isEmpty),
  ];
}

const NODE_ADDRESSES: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['10.9.0.1/24', '198.51.100.1/24'],
  IPv6: ['fd09::1/64', 'fd88::1/64'],
};

/** A node with the addresses that the corpus of services knows. */
async function withNode<T>(family: Family, body: (ns: NetNs) => Promise<T>): Promise<T> {
  return withNetNs('ipvs', async (ns) => {
    await ns.run('ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1');
    for (const address of NODE_ADDRESSES[family]) {
      await ns.run('ip', 'address', 'add', address, 'dev', 'up0', ...(family === 'IPv6' ? ['nodad'] : []));
    }
    await ns.run('ip', 'link', 'set', 'up0', 'up');
    return body(ns);
  });
}

for (const backend of BACKENDS) {
  for (const family of FAMILIES) {
    test(`${backend} ${family}: rules and sets are printed back as they were written, for every kind of setting`, { skip }, () =>
      withNetNs('sets', async (ns) => {
        const tools = await toolsIn(ns, family, backend);
        const kernel = new IpvsKernel(tools, family);
        const sets = async (): Promise<string[]> => {
          const found = await tools.ipsets.read(() => true, never);
          return [...found].flatMap(([name, { entries }]) => [...entries].map((e) => `${name} ${e}`)).sort();
        };
        const [all] = fc.sample(corpus({ protocols: ['TCP', 'UDP', 'SCTP'], maxServices: 20 }), { numRuns: 1, seed: 11 });
        const ports = tableOf(all ?? []).ports(family);
        for (const localTraffic of ['unknown', 'cidr', 'bridge', 'interfacePrefix']) {
          const settings = settingsOf(family, { localTraffic, masqueradeAll: localTraffic === 'bridge' });
          const after = new IpvsLedger({
            settings,
            options: OPTIONS,
            node: { addresses: NODE_ADDRESSES[family].map((a) => a.split('/')[0] ?? '') },
          }).addAll(ports.values());
          // Without IPVS: only what ipset and iptables hold.
          const withoutServers: IpvsTools = { ...tools, ipvs: { ...silentIpvs, addresses: async () => [] } };
          const quiet = new IpvsKernel(withoutServers, family);
          if (localTraffic === 'cidr') await tools.iptables.restore(ELSEWHERE, never);
          const before = await quiet.read(settings, never);
          const made = kernel.setsToMake(after, before.sets);
          await quiet.makeSets(made, never);
          await quiet.writeRules(before.rules, never);
          await quiet.write({ ...planWrites({ before: before.content, after }), servers: [], removeServers: [] }, made, never);
          const now = await quiet.read(settings, never);
          assert.ok(
            Object.values(now.rules).every(isEmpty),
            `${localTraffic} ${JSON.stringify(now.rules, (_, v: unknown) => (v instanceof Map ? [...v] : v))}`,
          );
          assert.equal(now.saved.filter.has('KUBE-IPVS-OUT-FILTER'), false);
          assert.deepEqual(quiet.setsToMake(after, now.sets), []);
          const want = [...after.entries].flatMap(([key, entries]) => [...entries].map((e) => `${setName(key, family)} ${e}`)).sort();
          assert.deepEqual(await sets(), want);
        }
        assert.equal((await tools.ipsets.read(() => true, never)).size, SET_KEYS.length);
      }),
    );
  }
}

/** Where upstream has a chain that we have in mangle. */
const ELSEWHERE = '*filter\n:KUBE-IPVS-OUT-FILTER - [0:0]\n-A OUTPUT -j KUBE-IPVS-OUT-FILTER\nCOMMIT\n';

const silentIpvs: Ipvs = {
  kernelRelease: '6.1.0',
  save: async () => undefined,
  list: async () => undefined,
  restore: async () => undefined,
  setTimeouts: async () => undefined,
  probe: async () => undefined,
  addresses: async () => [],
  ensureDevice: async () => undefined,
  removeDevice: async () => undefined,
  changeAddresses: async () => undefined,
  setSysctl: async () => false,
};

test('a node whose kernel has no IPVS says so, and what to do', { skip: skipIpvs === false ? 'this kernel has IPVS' : skip }, () =>
  withNetNs('none', async (ns) => {
    const driver = ipvsDriver({
      clock: new SystemClock(),
      options: OPTIONS,
      open: (family) => toolsIn(ns, family),
      watch: () => blind,
      serverWatch: () => blind,
    });
    const support = await driver.probe('IPv4', never);
    assert.equal(support.kind, 'missing');
    assert.match(
      support.kind === 'missing' ? `${support.why}; ${support.next}` : '',
      /kernel has no IPVS \(module ip_vs\); modprobe ip_vs; .*nftables or iptables/,
    );
    await driver.cleanup('IPv4', never);
  }),
);

for (const family of FAMILIES) {
  test(`${family}: changes applied one by one equal a fresh start, and a full sync then finds nothing to do`, { skip: skipIpvs }, () =>
    withNode(family, async (ns) => {
      const tools = await toolsIn(ns, family);
      const proxier = proxierOn(tools, family);
      let before: readonly ServiceInput[] = [];
      const table = tableOf([]);
      await full(proxier, table);
      await fc.assert(
        fc.asyncProperty(corpus({ protocols: ['TCP', 'UDP', 'SCTP'] }), async (after) => {
          const kept = new Set(after.map((i) => serviceKey(i.service)));
          for (const i of after) table.set(serviceKey(i.service), i);
          for (const i of before) if (!kept.has(serviceKey(i.service))) table.set(serviceKey(i.service), undefined);
          before = after;
          assert.equal((await partial(proxier, table)).kind, 'partial');
          // What is leaving has no connections and goes at the next look.
          await until(
            'all has drained',
            async () =>
              (await proxier.checkIntact(never)) === 'intact' && !JSON.stringify(await stateOf(tools, family)).includes('weight 0'),
          );
          const state = await stateOf(tools, family);
          assert.equal(await full(proxierOn(tools, family), table), 0, 'the kernel prints it as we wrote it');
          assert.deepEqual(
            await proxier.readDrift({ services: table.ports(family), changed: undefined, settings: settingsOf(family) }, never),
            { missing: [], foreign: [] },
          );
          await withNode(family, async (other) => {
            const fresh = await toolsIn(other, family);
            await full(proxierOn(fresh, family), tableOf(after));
            assert.deepEqual(state, await stateOf(fresh, family));
          });
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    }),
  );
}

const web = (n: number, ips: readonly string[], more = {}): ServiceInput => ({
  service: service(`web-${n}`, { clusterIP: `10.96.0.${n}`, ports: [{ port: 80 }], ...more }),
  slices: [slice(`web-${n}`, { endpoints: ips.map((ip) => ({ addresses: [ip] })) })],
});

test('ipvsadm -ln shows what tutorials show', { skip: skipIpvs }, () =>
  withNode('IPv4', async (ns) => {
    const tools = await toolsIn(ns, 'IPv4');
    const more = { type: 'NodePort', sessionAffinity: 'ClientIP', ports: [{ port: 80, nodePort: 30_080 }] };
    await full(proxierOn(tools, 'IPv4'), tableOf([web(1, ['10.1.0.1', '10.1.0.2'], more)]));
    const table = (await ns.run('ipvsadm', '-ln')).split('\n').map((l) => l.trim().replaceAll(/ +/g, ' '));
    for (const line of [
      'TCP 10.9.0.1:30080 rr persistent 10800',
      'TCP 10.96.0.1:80 rr persistent 10800',
      '-> 10.1.0.1:8080 Masq 1 0 0',
      '-> 10.1.0.2:8080 Masq 1 0 0',
    ]) {
      assert.ok(table.includes(line), `${line} in\n${table.join('\n')}`);
    }
    assert.match(await ns.run('ip', 'address', 'show', 'kube-ipvs0'), /inet 10\.96\.0\.1\/32/);
    assert.match(await ns.run('ipset', 'list', 'KUBE-NODE-PORT-TCP'), /\n30080/);
    assert.equal((await ns.run('sysctl', '-n', 'net.ipv4.conf.all.arp_ignore')).trim(), '1');
  }),
);

test('virtual servers of others: those of excludeCIDRs stay, the rest go', { skip: skipIpvs }, () =>
  withNode('IPv4', async (ns) => {
    const tools = await toolsIn(ns, 'IPv4');
    for (const at of ['203.0.113.5:80', '192.0.2.5:80']) await ns.run('ipvsadm', '-A', '-t', at, '-s', 'wlc');
    await full(proxierOn(tools, 'IPv4'), tableOf([]));
    assert.equal((await ns.run('ipvsadm', '-Sn')).trim(), '-A -t 203.0.113.5:80 -s wlc');
  }),
);

for (const [what, command] of [
  ['all virtual servers gone', 'ipvsadm -C'],
  ['a real server gone', 'ipvsadm -d -t 10.96.0.1:80 -r 10.1.0.1:8080'],
  ['a weight changed', 'ipvsadm -e -t 10.96.0.1:80 -r 10.1.0.1:8080 -m -w 7'],
] as const) {
  test(`${what}: noticed, named as drift and put back`, { skip: skipIpvs }, () =>
    withNode('IPv4', async (ns) => {
      const tools = await toolsIn(ns, 'IPv4');
      const proxier = proxierOn(tools, 'IPv4');
      const table = tableOf([web(1, ['10.1.0.1', '10.1.0.2'])]);
      await full(proxier, table);
      const state = await stateOf(tools, 'IPv4');
      await ns.run(...(command.split(' ') as [string]));
      await until('it is noticed', async () => (await proxier.checkIntact(never)) !== 'intact');
      const { missing } = await proxier.readDrift(
        { services: table.ports('IPv4'), changed: undefined, settings: settingsOf('IPv4') },
        never,
      );
      assert.ok(missing.length > 0);
      await full(proxier, table);
      assert.deepEqual(await stateOf(tools, 'IPv4'), state);
    }),
  );
}

test('clean-up takes out everything of ours and nothing of others', { skip: skipIpvs }, () =>
  withNode('IPv4', async (ns) => {
    await ns.run('ipvsadm', '-A', '-t', '203.0.113.5:80', '-s', 'wlc');
    await ns.run('ipset', 'create', 'THEIRS', 'hash:ip');
    const tools = await toolsIn(ns, 'IPv4');
    await tools.iptables.restore('*nat\n-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE\nCOMMIT\n', never);
    const nodePort = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] };
    await full(proxierOn(tools, 'IPv4'), tableOf([web(1, ['10.1.0.1'], nodePort)]));
    const driver = ipvsDriver({
      clock: new SystemClock(),
      options: OPTIONS,
      open: () => Promise.resolve(tools),
      watch: () => blind,
      serverWatch: () => blind,
    });
    for (const _ of [1, 2]) {
      await driver.cleanup('IPv4', never);
      assert.equal((await ns.run('ipvsadm', '-Sn')).trim(), '-A -t 203.0.113.5:80 -s wlc');
      assert.equal((await ns.run('ipset', 'list', '-n')).trim(), 'THEIRS');
      const rules = await ns.run('iptables-nft-save');
      assert.doesNotMatch(rules, /KUBE-/);
      assert.match(rules, /-A POSTROUTING -s 10\.0\.0\.0\/8 -j MASQUERADE/);
      await assert.rejects(ns.run('ip', 'link', 'show', 'kube-ipvs0'));
    }
  }),
);

test('a scheduler that the kernel does not have is told before anything is written', { skip: skipIpvs }, () =>
  withNode('IPv4', async (ns) => {
    const options = { ...OPTIONS, scheduler: 'nosuch' };
    const driver = ipvsDriver({
      clock: new SystemClock(),
      options,
      open: (family) => toolsIn(ns, family),
      watch: () => blind,
      serverWatch: () => blind,
    });
    const support = await driver.probe('IPv4', never);
    assert.match(support.kind === 'missing' ? support.next : '', /modprobe ip_vs_nosuch, or set ipvs\.scheduler to rr/);
    const proxier = proxierOn(await toolsIn(ns, 'IPv4'), 'IPv4', options);
    await assert.rejects(full(proxier, tableOf([web(1, ['10.1.0.1'])])), (err) => codeOf(err) === 'PROXY_APPLY');
    assert.equal(await proxier.checkIntact(never), 'broken');
  }),
);
