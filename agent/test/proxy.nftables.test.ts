/** The nftables mode against the real tool and the real kernel, in namespaces of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { nftablesDriver } from '../kube-proxy/nftables/driver.ts';
import { NftablesProxier } from '../kube-proxy/nftables/proxier.ts';
import { stateOf } from '../kube-proxy/nftables/testing.ts';
import type { Family } from '../kube-proxy/ip.ts';
import { serviceKey, type ServiceInput } from '../kube-proxy/services.ts';
import type { ServiceTable } from '../kube-proxy/serviceTable.ts';
import { corpus, service, settingsOf, slice, tableOf, type SettingsChoices } from '../kube-proxy/testing.ts';
import { openNft, type Nft } from '../linux/nft.ts';
import type { RuleWatch } from '../linux/ruleGeneration.ts';
import { whyNoNetNs, withNetNs, type NetNs } from './proxyNet.ts';

const never = new AbortController().signal;
const skip = (await whyNoNetNs()) ?? false;
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

async function withNft<T>(role: string, body: (nft: Nft, ns: NetNs) => Promise<T>): Promise<T> {
  return withNetNs(role, async (ns) => {
    const nft = await openNft({ via: ns.via }, never);
    try {
      return await body(nft, ns);
    } finally {
      await nft.close();
    }
  });
}

const blind: RuleWatch = { foreignWrites: () => undefined, wrote: () => undefined };
const proxierOn = (nft: Nft, family: Family, watch: RuleWatch = blind): NftablesProxier =>
  new NftablesProxier({ family, nft, clock: new SystemClock(), watch });

async function full(proxier: NftablesProxier, table: ServiceTable, choices: SettingsChoices = {}): Promise<number> {
  table.takeChanges(proxier.family);
  const settings = settingsOf(proxier.family, choices);
  return (await proxier.sync({ services: table.ports(proxier.family), changed: undefined, settings }, never)).linesWritten;
}

function partial(proxier: NftablesProxier, table: ServiceTable): Promise<{ linesWritten: number; kind: string }> {
  const { family } = proxier;
  return proxier.sync({ services: table.ports(family), changed: table.takeChanges(family), settings: settingsOf(family) }, never);
}

const web = (n: number, ips: readonly string[], more = {}): ServiceInput => ({
  service: service(`web-${n}`, { clusterIP: `10.96.0.${n}`, ports: [{ port: 80 }], ...more }),
  slices: [slice(`web-${n}`, { endpoints: ips.map((ip) => ({ addresses: [ip] })) })],
});

for (const family of FAMILIES) {
  test(`${family}: changes applied one by one equal a fresh start, and a full sync then finds nothing to do`, { skip }, () =>
    withNft('prop', async (nft) => {
      const proxier = proxierOn(nft, family);
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
          const state = await stateOf(nft, family);
          assert.equal(await proxier.checkIntact(never), 'intact');
          assert.equal(await full(proxierOn(nft, family), table), 0, 'the kernel prints the rules as we wrote them');
          await withNft('fresh', async (other) => {
            await full(proxierOn(other, family), tableOf(after));
            assert.deepEqual(state, await stateOf(other, family));
          });
        }),
        { numRuns: 15, endOnFailure: true },
      );
    }),
  );

  test(`${family}: every kind of setting is printed back as it was written, and settings can be changed`, { skip }, () =>
    withNft('settings', async (nft) => {
      const [all] = fc.sample(corpus({ protocols: ['TCP', 'UDP', 'SCTP'], maxServices: 12 }), { numRuns: 1, seed: 7 });
      const proxier = proxierOn(nft, family);
      for (const localTraffic of ['unknown', 'cidr', 'bridge', 'interfacePrefix']) {
        const choices = { localTraffic, masqueradeAll: localTraffic === 'cidr', nodePorts: localTraffic === 'bridge' ? 'only' : 'all' };
        assert.ok((await full(proxier, tableOf(all ?? []), choices)) > 0);
        assert.equal(await full(proxierOn(nft, family), tableOf(all ?? []), choices), 0, localTraffic);
        await withNft('fresh', async (other) => {
          await full(proxierOn(other, family), tableOf(all ?? []), choices);
          assert.deepEqual(await stateOf(nft, family), await stateOf(other, family));
        });
      }
    }),
  );

  test(`${family}: the node can do it, and says so without leaving anything`, { skip }, () =>
    withNft('probe', async (_, ns) => {
      const driver = nftablesDriver({
        clock: new SystemClock(),
        open: (signal) => openNft({ via: ns.via }, signal),
        watch: () => blind,
      });
      const support = await driver.probe(family, never);
      assert.equal(support.kind, 'supported', JSON.stringify(support));
      assert.equal(await ns.run('nft', 'list', 'ruleset'), '');
      await driver.cleanup(family, never);
      const proxier = await driver.open(family, never);
      await proxier.sync({ services: new Map(), changed: undefined, settings: settingsOf(family) }, never);
      await ns.run('nft', 'add', 'table', 'ip', 'theirs');
      await proxier.close();
      await driver.cleanup(family, never);
      assert.equal((await ns.run('nft', 'list', 'tables')).trim(), 'table ip theirs');
    }),
  );
}

test('a table as upstream leaves it is taken over: its elements stay, its chains go, clients keep their endpoint', { skip }, () =>
  withNft('handover', async (nft, ns) => {
    await nft.write(UPSTREAM.trim().split('\n'), never);
    const table = tableOf([web(50, ['10.244.0.5']), web(51, ['10.244.0.5', '10.244.0.6'], { sessionAffinity: 'ClientIP' })]);
    await full(proxierOn(nft, 'IPv4'), table);
    const state = await stateOf(nft, 'IPv4');
    assert.equal(state.filter((l) => /stale|XXXXXXXX/.test(l)).length, 0, 'what nobody needs is gone');
    const remembered = await ns.run('nft', 'list', 'set', 'ip', 'kube-proxy', AFFINITY);
    assert.match(remembered, /192\.0\.2\.77/);
    await withNft('handover2', async (other) => {
      await full(proxierOn(other, 'IPv4'), table);
      assert.deepEqual(state, await stateOf(other, 'IPv4'));
    });
  }),
);

test('a map of another type in the way is replaced with the table, in one step', { skip }, () =>
  withNft('type', async (nft) => {
    await nft.write(['add table ip kube-proxy', 'add map ip kube-proxy service-ips { type ipv4_addr . inet_service : verdict; }'], never);
    const table = tableOf([web(1, ['10.244.0.5'])]);
    assert.ok((await full(proxierOn(nft, 'IPv4'), table)) > 0);
    assert.equal(await full(proxierOn(nft, 'IPv4'), table), 0);
  }),
);

test('a base chain with another priority is hooked anew', { skip }, () =>
  withNft('hook', async (nft) => {
    await nft.write(['add table ip kube-proxy', 'add chain ip kube-proxy nat-output { type nat hook output priority -50; }'], never);
    assert.ok((await full(proxierOn(nft, 'IPv4'), tableOf([]))) > 0);
    assert.equal(await full(proxierOn(nft, 'IPv4'), tableOf([])), 0);
  }),
);

test('an element the kernel refuses leaves the table as it was, and the error names it; the next sync is a full one', { skip }, () =>
  withNft('refuse', async (nft) => {
    const proxier = proxierOn(nft, 'IPv4');
    const table = tableOf([web(1, ['10.244.0.5'])]);
    await full(proxier, table);
    const before = await stateOf(nft, 'IPv4');
    const [port] = table.ports('IPv4').values();
    const bad = new Map([['x', { ...port!, clusterIp: '10.96.0.999' }]]);
    await assert.rejects(proxier.sync({ services: bad, changed: new Set(['x']), settings: settingsOf('IPv4') }, never), (err) => {
      assert.equal(codeOf(err), 'PROXY_APPLY');
      assert.match(String((err as Error).cause), /10\.96\.0\.999/);
      return true;
    });
    assert.deepEqual(await stateOf(nft, 'IPv4'), before);
    assert.equal(await proxier.checkIntact(never), 'broken');
    assert.equal((await partial(proxier, table)).kind, 'full');
  }),
);

for (const [what, command] of [
  ['the table removed', 'delete table ip kube-proxy'],
  ['a base chain emptied', 'flush chain ip kube-proxy nat-prerouting'],
  ['a shared chain emptied', 'flush chain ip kube-proxy pick/tcp/2'],
  ['a rule put in front', 'insert rule ip kube-proxy services drop'],
  ['everything flushed', 'flush ruleset'],
] as const) {
  test(`${what}: noticed at the next look, named as drift, and put back`, { skip }, () =>
    withNft('drift', async (nft, ns) => {
      let writes = 0;
      const proxier = proxierOn(nft, 'IPv4', { foreignWrites: () => writes, wrote: () => undefined });
      const table = tableOf([web(1, ['10.244.0.5', '10.244.0.6']), web(2, [])]);
      const input = { services: table.ports('IPv4'), changed: undefined, settings: settingsOf('IPv4') };
      await full(proxier, table);
      const whole = await stateOf(nft, 'IPv4');
      assert.deepEqual(await proxier.readDrift(input, never), { missing: [], foreign: [] });
      await ns.run('nft', ...command.split(' '));
      writes += 1;
      assert.equal(await proxier.checkIntact(never), 'broken');
      const { missing } = await proxier.readDrift(input, never);
      assert.ok(missing.length > 0);
      await full(proxier, table);
      assert.deepEqual(await stateOf(nft, 'IPv4'), whole);
      assert.equal(await proxier.checkIntact(never), 'intact');
    }),
  );
}

test('an element taken out, another put in: touched, named as drift, and put right by a full sync with two lines', { skip }, () =>
  withNft('element', async (nft, ns) => {
    let writes = 0;
    const proxier = proxierOn(nft, 'IPv4', { foreignWrites: () => writes, wrote: () => undefined });
    const table = tableOf([web(1, ['10.244.0.5', '10.244.0.6'])]);
    const input = { services: table.ports('IPv4'), changed: undefined, settings: settingsOf('IPv4') };
    await full(proxier, table);
    assert.equal(await proxier.checkIntact(never), 'intact');
    await ns.run('nft', 'delete element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 }');
    await ns.run('nft', 'add element ip kube-proxy cluster-ips { 10.96.0.99 }');
    writes += 2;
    assert.equal(await proxier.checkIntact(never), 'touched');
    assert.deepEqual(await proxier.readDrift(input, never), {
      missing: ['map service-ips: 10.96.0.1 . tcp . 80 : goto cluster-ip/tcp/2'],
      foreign: ['set cluster-ips: 10.96.0.99'],
    });
    assert.equal(await full(proxier, table), 2);
    assert.deepEqual(await proxier.readDrift(input, never), { missing: [], foreign: [] });
  }),
);

test('a change of one endpoint writes the elements of one service; another affinity timeout only that set', { skip }, () =>
  withNft('small', async (nft) => {
    const proxier = proxierOn(nft, 'IPv4');
    const sticky = (seconds: number): object => ({
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } },
    });
    const table = tableOf([
      web(1, ['10.244.0.5', '10.244.0.6']),
      web(2, ['10.244.0.5', '10.244.0.7']),
      web(3, ['10.244.0.5'], sticky(100)),
    ]);
    await full(proxier, table);
    table.set('default/web-1', web(1, ['10.244.0.5', '10.244.0.8']));
    // One slot out and in, one pair out and in.
    assert.equal((await partial(proxier, table)).linesWritten, 4);
    table.set('default/web-1', web(1, ['10.244.0.5', '10.244.0.8']));
    assert.equal((await partial(proxier, table)).linesWritten, 0);
    table.set('default/web-3', web(3, ['10.244.0.5'], sticky(200)));
    // The set; the endpoint's chain with two rules; the service's chain with three.
    assert.equal((await partial(proxier, table)).linesWritten, 8);
    assert.equal(await full(proxierOn(nft, 'IPv4'), table), 0);
  }),
);

test('a session that died is started again; what it was told before still counts', { skip }, () =>
  withNft('died', async (nft, ns) => {
    const proxier = proxierOn(nft, 'IPv4');
    const table = tableOf([web(1, ['10.244.0.5'])]);
    await full(proxier, table);
    const identity = (await ns.run('readlink', '/proc/self/ns/net')).trim();
    const { readdirSync, readlinkSync, readFileSync } = await import('node:fs');
    const mine = readdirSync('/proc').filter((pid) => {
      try {
        return (
          /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === identity && /nft/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
        );
      } catch {
        return false;
      }
    });
    assert.equal(mine.length, 1);
    process.kill(Number(mine[0]), 'SIGKILL');
    table.set('default/web-1', web(1, ['10.244.0.6']));
    await partial(proxier, table).catch(() => partial(proxier, table));
    assert.equal(await full(proxierOn(nft, 'IPv4'), table), 0);
  }),
);

test('explain names every element and rule of a service in the order a packet meets them, with counters', { skip }, () =>
  withNft('explain', async (nft) => {
    const proxier = proxierOn(nft, 'IPv4');
    const more = { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_080 }] };
    const table = tableOf([web(1, ['10.244.0.5', '10.244.0.6'], more)]);
    await full(proxier, table);
    const input = { services: table.ports('IPv4'), changed: undefined, settings: settingsOf('IPv4') };
    const [cluster, node] = await proxier.explain([...table.ports('IPv4').values()][0]!, input, never);
    assert.deepEqual(
      cluster?.rules.map(({ where, rule }) => `${where}: ${rule}`),
      [
        'chain services: ip daddr . meta l4proto . th dport vmap @service-ips',
        'map service-ips: 10.96.0.1 . tcp . 80 : goto cluster-ip/tcp/2',
        'chain cluster-ip/tcp/2: ip saddr != 10.1.0.0/25 jump mark-for-masquerade',
        'chain cluster-ip/tcp/2: goto pick/tcp/2',
        'chain pick/tcp/2: dnat ip to ip daddr . tcp dport . numgen random mod 2 map @service-endpoints-tcp',
        'map service-endpoints-tcp: 10.96.0.1 . 80 . 0 : 10.244.0.5 . 8080',
        'map service-endpoints-tcp: 10.96.0.1 . 80 . 1 : 10.244.0.6 . 8080',
      ],
    );
    assert.ok(cluster.rules.every((r) => r.isInKernel));
    assert.deepEqual([cluster.rules.at(-1)?.packets, cluster.rules.at(-1)?.bytes], ['0', '0']);
    const sticky = tableOf([web(2, ['10.244.0.5'], { sessionAffinity: 'ClientIP' })]);
    await full(proxier, sticky);
    const ofSticky = { ...input, services: sticky.ports('IPv4') };
    const [affine] = await proxier.explain([...ofSticky.services.values()][0]!, ofSticky, never);
    const counting = affine?.rules.filter(({ rule }) => /\bcounter\b/.test(rule)) ?? [];
    assert.deepEqual(
      counting.map(({ rule, packets, bytes, isInKernel }) => [/@affinity|dnat/.exec(rule)?.[0], packets, bytes, isInKernel]),
      [
        ['@affinity', '0', '0', true],
        ['dnat', '0', '0', true],
      ],
    );
    assert.equal(await full(proxierOn(nft, 'IPv4'), sticky), 0, 'what a rule has counted is no difference');
    await full(proxier, table);
    assert.equal(node?.address, '*:30080');
    assert.ok(node.rules.every((r) => r.isInKernel));
    assert.match(node.rules.map((r) => r.rule).join('\n'), /30080 : goto node-port-external-local\/tcp\/2\/0[\s\S]*30080 : drop/);
    const packet = {
      family: 'IPv4',
      protocol: 'tcp',
      src: '10.1.0.9',
      dst: '10.96.0.1',
      dport: 80,
      inInterface: 'veth1',
      nodeAddresses: ['10.9.0.1'],
    } as const;
    const { outcomes, steps } = await proxier.trace(packet, input, never);
    assert.deepEqual(
      [...outcomes],
      [
        ['10.244.0.5:8080', 0.5],
        ['10.244.0.6:8080', 0.5],
      ],
    );
    assert.ok(steps.includes('@service-ips: 10.96.0.1 . tcp . 80 : goto cluster-ip/tcp/2'), steps.join('\n'));
  }),
);

const AFFINITY = 'affinity-FYESNJEI-default/web-51/tcp/__10.244.0.5/8080';

/** In the shape upstream's kube-proxy writes: chains per service and endpoint, a stale service, a set of clients. */
const UPSTREAM = `
add table ip kube-proxy { comment "left by another" ; }
add chain ip kube-proxy filter-prerouting { type filter hook prerouting priority -110 ; }
add chain ip kube-proxy filter-output { type filter hook output priority -110 ; }
add chain ip kube-proxy nat-prerouting { type nat hook prerouting priority -100 ; }
add chain ip kube-proxy nat-output { type nat hook output priority -100 ; }
add chain ip kube-proxy nat-postrouting { type nat hook postrouting priority 100 ; }
add chain ip kube-proxy services
add chain ip kube-proxy service-endpoints-check
add chain ip kube-proxy mark-for-masquerade
add set ip kube-proxy cluster-ips { type ipv4_addr ; comment "x" ; }
add map ip kube-proxy no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; comment "x" ; }
add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; comment "x" ; }
add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict ; comment "x" ; }
add chain ip kube-proxy service-XXXXXXXX-default/stale/tcp/
add chain ip kube-proxy endpoint-XXXXXXXX-default/stale/tcp/__10.244.0.9/8080
add set ip kube-proxy ${AFFINITY} { type ipv4_addr ; flags dynamic,timeout ; timeout 10800s ; }
add rule ip kube-proxy nat-prerouting jump services
add rule ip kube-proxy nat-output jump services
add rule ip kube-proxy filter-output ct state new jump service-endpoints-check
add rule ip kube-proxy mark-for-masquerade meta mark set meta mark | 0x4000
add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips
add rule ip kube-proxy service-XXXXXXXX-default/stale/tcp/ numgen random mod 1 vmap { 0 : goto endpoint-XXXXXXXX-default/stale/tcp/__10.244.0.9/8080 }
add rule ip kube-proxy endpoint-XXXXXXXX-default/stale/tcp/__10.244.0.9/8080 meta l4proto tcp dnat to 10.244.0.9:8080
add element ip kube-proxy cluster-ips { 10.96.0.50, 10.96.0.9 }
add element ip kube-proxy service-ips { 10.96.0.9 . tcp . 80 : goto service-XXXXXXXX-default/stale/tcp/ }
add element ip kube-proxy ${AFFINITY} { 192.0.2.77 }
`;
