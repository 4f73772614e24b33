/** The iptables mode against the real tools and the real kernel, in namespaces of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { IptablesProxier } from '../kube-proxy/iptables/proxier.ts';
import { stateOf } from '../kube-proxy/iptables/testing.ts';
import type { Family } from '../kube-proxy/ip.ts';
import { serviceKey } from '../kube-proxy/services.ts';
import type { ServiceTable } from '../kube-proxy/serviceTable.ts';
import { corpus, service, settingsOf, slice, tableOf } from '../kube-proxy/testing.ts';
import { cleanupIptables } from '../kube-proxy/iptables/driver.ts';
import { iptablesContract } from '../linux/fake/iptablesContract.ts';
import type { Iptables, IptablesBackend } from '../linux/iptables.ts';
import { upstreamRules } from './harness/upstreamProxy.ts';
import { NetNs, whyNoNetNs, withNetNs } from './proxyNet.ts';

const never = new AbortController().signal;
const skip = (await whyNoNetNs()) ?? false;
const BACKENDS: readonly IptablesBackend[] = ['nft', 'legacy'];
const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

if (skip === false) {
  for (const backend of BACKENDS) {
    iptablesContract(`iptables (${backend})`, async () => {
      const ns = await NetNs.make('contract');
      return { iptables: await ns.iptables(backend), dispose: () => ns.remove() };
    });
  }
}

const proxierOn = (iptables: Iptables, family: Family): IptablesProxier =>
  new IptablesProxier({ family, iptables, clock: new SystemClock(), watch: { foreignWrites: () => undefined, wrote: () => undefined } });

async function full(proxier: IptablesProxier, table: ServiceTable, choices = {}): Promise<number> {
  table.takeChanges(proxier.family);
  const settings = settingsOf(proxier.family, choices);
  return (await proxier.sync({ services: table.ports(proxier.family), changed: undefined, settings }, never)).linesWritten;
}

for (const backend of BACKENDS) {
  for (const family of FAMILIES) {
    test(`${backend} ${family}: changes applied one by one equal a fresh start, and a full sync then finds nothing to do`, { skip }, () =>
      withNetNs('prop', async (ns) => {
        const iptables = await ns.iptables(backend, family);
        const proxier = proxierOn(iptables, family);
        let before: Parameters<typeof tableOf>[0] = [];
        const table = tableOf([]);
        await full(proxier, table);
        await fc.assert(
          fc.asyncProperty(corpus({ protocols: ['TCP', 'UDP', 'SCTP'] }), async (after) => {
            const kept = new Set(after.map((i) => serviceKey(i.service)));
            for (const i of after) table.set(serviceKey(i.service), i);
            for (const i of before) if (!kept.has(serviceKey(i.service))) table.set(serviceKey(i.service), undefined);
            before = after;
            await proxier.sync({ services: table.ports(family), changed: table.takeChanges(family), settings: settingsOf(family) }, never);
            const partial = await stateOf(iptables);
            assert.equal(await full(proxier, table), 0, 'the kernel prints the rules as we wrote them');
            await withNetNs('fresh', async (other) => {
              const fresh = await other.iptables(backend, family);
              await full(proxierOn(fresh, family), tableOf(after));
              assert.deepEqual(partial, await stateOf(fresh));
            });
          }),
          { numRuns: 8, endOnFailure: true },
        );
      }),
    );

    test(`${backend} ${family}: every kind of setting is printed back as it was written`, { skip }, () =>
      withNetNs('settings', async (ns) => {
        const iptables = await ns.iptables(backend, family);
        const [all] = fc.sample(corpus({ protocols: ['TCP', 'UDP', 'SCTP'], maxServices: 12 }), { numRuns: 1, seed: 7 });
        for (const localTraffic of ['unknown', 'cidr', 'bridge', 'interfacePrefix']) {
          const choices = {
            localTraffic,
            masqueradeAll: localTraffic === 'cidr',
            nodePorts: localTraffic === 'bridge' ? 'only' : 'all',
            localhostNodePorts: localTraffic === 'unknown',
          };
          await full(proxierOn(iptables, family), tableOf(all ?? []), choices);
          assert.equal(await full(proxierOn(iptables, family), tableOf(all ?? []), choices), 0, localTraffic);
        }
      }),
    );
  }

  test(`${backend}: clean-up takes out everything of ours and nothing of others`, { skip }, () =>
    withNetNs('cleanup', async (ns) => {
      const iptables = await ns.iptables(backend);
      const theirs = [
        '*filter',
        ':MINE - [0:0]',
        '-A FORWARD -s 10.0.0.1/32 -j MINE',
        '-A MINE -j DROP',
        'COMMIT',
        '*nat',
        '-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE',
        'COMMIT',
        '',
      ].join('\n');
      await iptables.restore(theirs, never);
      const before = await stateOf(iptables);
      const [all] = fc.sample(corpus(), { numRuns: 1, seed: 3 });
      await full(proxierOn(iptables, 'IPv4'), tableOf(all ?? []));
      assert.notDeepEqual(await stateOf(iptables), before);
      await cleanupIptables(iptables, never);
      // The legacy back end makes the table mangle by being asked about it; it is empty.
      assert.deepEqual(await stateOf(iptables), before);
      await cleanupIptables(iptables, never);
      assert.deepEqual(await stateOf(iptables), before);
    }),
  );

  test(`${backend}: a chain that others still jump to survives the clean-up`, { skip }, () =>
    withNetNs('cleanup2', async (ns) => {
      const iptables = await ns.iptables(backend);
      await full(proxierOn(iptables, 'IPv4'), tableOf([]));
      await iptables.restore('*nat\n:CNI-HOSTPORT - [0:0]\n-A CNI-HOSTPORT -j KUBE-MARK-MASQ\nCOMMIT\n', never);
      await cleanupIptables(iptables, never);
      const lines = await stateOf(iptables);
      assert.ok(lines.includes('-A CNI-HOSTPORT -j KUBE-MARK-MASQ'));
      assert.deepEqual(
        lines.filter((l) => l.includes('KUBE-') && !l.includes('KUBE-MARK-MASQ')),
        [],
      );
    }),
  );

  test(`${backend}: rules as upstream's proxy leaves them are taken over without rewriting what is right`, { skip }, () =>
    withNetNs('handover', async (ns) => {
      const iptables = await ns.iptables(backend);
      const left = { name: 'default/stale', clusterIp: '10.96.0.9', port: 80, endpoints: ['10.244.0.9:80'] };
      const right = { name: 'default/web:http', clusterIp: '10.96.0.50', port: 80, endpoints: ['10.244.0.5:8080'] };
      await iptables.restore(upstreamRules([left, right], '10.1.0.0/25'), never);
      await iptables.restore(OLDER, never);
      const table = tableOf([
        {
          service: service('web', { clusterIP: '10.96.0.50', ports: [{ name: 'http', port: 80 }] }),
          slices: [slice('web', { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: ['10.244.0.5'] }] })],
        },
      ]);
      const lines = await full(proxierOn(iptables, 'IPv4'), table);
      assert.ok(lines > 0 && lines < 60, `${lines} lines`);
      const state = await stateOf(iptables);
      assert.equal(state.filter((l) => /stale|10\.244\.0\.9|KUBE-XLB|older release/.test(l)).length, 0, 'what nobody needs is gone');
      await withNetNs('handover2', async (other) => {
        const fresh = await other.iptables(backend);
        await full(proxierOn(fresh, 'IPv4'), table);
        assert.deepEqual(state, await stateOf(fresh));
      });
    }),
  );

  test(`${backend}: a rule the kernel refuses leaves the table as it was, and the error names the rule`, { skip }, () =>
    withNetNs('refuse', async (ns) => {
      const iptables = await ns.iptables(backend);
      const proxier = proxierOn(iptables, 'IPv4');
      await full(proxier, tableOf([]));
      const before = await stateOf(iptables);
      const table = tableOf([
        {
          service: service('web', { clusterIP: '10.96.0.50', ports: [{ port: 80 }] }),
          slices: [slice('web', { endpoints: [{ addresses: ['10.244.0.5'] }] })],
        },
      ]);
      const bad = new Map([...table.ports('IPv4')].map(([id, p]) => [id, { ...p, clusterIp: '10.96.0.999' }]));
      await assert.rejects(proxier.sync({ services: bad, changed: new Set(bad.keys()), settings: settingsOf('IPv4') }, never), (err) => {
        assert.equal(codeOf(err), 'PROXY_APPLY');
        assert.match(String((err as Error).cause), /10\.96\.0\.999/);
        return true;
      });
      assert.deepEqual(await stateOf(iptables), before);
    }),
  );
}

/** Of an older release of upstream. */
const OLDER = `*nat
:KUBE-XLB-BBBBBBBBBBBBBBBB - [0:0]
-A PREROUTING -m comment --comment "left by an older release" -j KUBE-SERVICES
-A KUBE-NODEPORTS -j KUBE-XLB-BBBBBBBBBBBBBBBB
COMMIT
`;
