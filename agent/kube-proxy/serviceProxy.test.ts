import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { RELEASE } from '#base/version.ts';
import type { Flow } from '../linux/conntrack.ts';
import { FakeIptables } from '../linux/fake/iptables.ts';
import { formatPacket, formatService } from './explain/format.ts';
import { healthAnswer, isEligible } from './health.ts';
import { IptablesProxier } from './iptables/proxier.ts';
import { ProxyMetrics } from './metrics.ts';
import { wantedOf } from './server/serviceHealth.ts';
import { ServiceProxy } from './serviceProxy.ts';
import { NODE, service, settingsOf, slice, tableOf } from './testing.ts';

interface Lab {
  readonly proxy: ServiceProxy;
  readonly clock: ManualClock;
  readonly iptables: FakeIptables;
  readonly lines: string[];
  readonly flows: Flow[];
  readonly stop: () => Promise<void>;
}

async function running(): Promise<Lab> {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  const iptables = new FakeIptables();
  const lines: string[] = [];
  const flows: Flow[] = [];
  const proxy = new ServiceProxy({
    mode: 'iptables',
    node: NODE,
    proxiers: [new IptablesProxier({ family: 'IPv4', iptables, clock, watch: iptables.watch() })],
    settings: settingsOf,
    conntrack: () => ({
      list: async (protocol, onFlow) => {
        for (const f of flows) if (f.protocol === protocol) onFlow(f);
      },
      delete: async (f) => flows.splice(flows.indexOf(f), 1).length,
    }),
    clock,
    log: makeLogger({ write: (l) => lines.push(l), clock }),
    minSyncPeriodMs: 1_000,
    syncPeriodMs: 30_000,
    onSynced: () => undefined,
  });
  const stop = new AbortController();
  const done = proxy.run(stop.signal);
  await clock.advance(0);
  return { proxy, clock, iptables, lines, flows, stop: async () => (stop.abort(), await clock.advance(0), done) };
}

const dns = service('dns', { clusterIP: '10.96.0.10', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] });
const dnsSlice = (...ips: string[]): ReturnType<typeof slice> =>
  slice('dns', {
    ports: [{ name: 'dns', port: 5353, protocol: 'UDP' }],
    endpoints: ips.map((ip) => ({ addresses: [ip], nodeName: 'node-a' })),
  });

test('ServiceProxy: flows to an endpoint that went are removed after the rules are written, others stay', async () => {
  const { proxy, clock, flows, stop } = await running();
  proxy.store.setService('default/dns', dns);
  proxy.store.setSlice('default/dns', dnsSlice('10.1.0.1', '10.1.0.2'));
  proxy.changed();
  await clock.advance(1_000);
  const flow = (replySrc: string): Flow => ({ protocol: 'udp', dst: '10.96.0.10', dport: 53, replySrc, replySport: 5353 });
  flows.push(flow('10.1.0.1'), flow('10.1.0.2'));
  proxy.store.setSlice('default/dns', dnsSlice('10.1.0.2'));
  proxy.changed();
  await clock.advance(1_000);
  assert.deepEqual(
    flows.map((f) => f.replySrc),
    ['10.1.0.2'],
  );
  assert.match(proxy.metrics.registry.text(), /kubeproxy_conntrack_reconciler_deleted_entries_total\{ip_family="IPv4"\} 1/);
  proxy.store.setService('default/dns', undefined);
  proxy.changed();
  await clock.advance(1_000);
  assert.deepEqual(flows, [], 'those of a service that went, too');
  await stop();
});

test('ServiceProxy: a problem is told once, and again when it changes', async () => {
  const { proxy, clock, lines, stop } = await running();
  const bad = service('web', { clusterIP: 'ten', ports: [{ port: 80 }] });
  for (let i = 0; i < 3; i++) {
    proxy.store.setService('default/web', { ...bad });
    proxy.changed();
    // Longer than the log folds repetitions.
    await clock.advance(120_000);
  }
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^<4>Service is not served as written service=default\/web object="Service default\/web" err="spec.clusterIPs holds/,
  );
  proxy.store.setService('default/web', service('web', { clusterIP: 'eleven', ports: [{ port: 80 }] }));
  proxy.changed();
  assert.equal(lines.length, 2);
  await stop();
});

test('ServiceProxy: what the endpoints controller triggered is measured when the rules are written', async () => {
  const { proxy, clock, stop } = await running();
  const triggered = dnsSlice('10.1.0.1');
  proxy.store.setService('default/dns', dns);
  proxy.store.setSlice('default/dns', {
    ...triggered,
    metadata: { ...triggered.metadata, annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2025-12-31T23:59:58Z' } },
  });
  proxy.changed();
  await clock.advance(1_000);
  const text = proxy.metrics.registry.text();
  assert.match(text, /kubeproxy_network_programming_duration_seconds_bucket\{ip_family="IPv4",le="2"\} 0/);
  assert.match(text, /kubeproxy_network_programming_duration_seconds_bucket\{ip_family="IPv4",le="3"\} 1/);
  assert.match(text, /kubeproxy_sync_proxy_rules_service_changes_pending 0/);
  const asked = await proxy.metricsText(new AbortController().signal);
  // The line of KUBE-SERVICES, and the chains of service and endpoint with theirs.
  assert.match(asked, /kubeproxy_sync_proxy_rules_iptables_last\{ip_family="IPv4",table="nat"\} 7/);
  assert.match(asked, /kubeproxy_sync_proxy_rules_iptables_last\{ip_family="IPv4",table="filter"\} 0/);
  assert.match(asked, /kubeproxy_iptables_ct_state_invalid_dropped_packets_total 0/);
  await stop();
});

test('ServiceProxy: a failing kernel makes it unhealthy when a change waits too long, and it says what failed', async () => {
  const { proxy, clock, iptables, stop } = await running();
  const answer = (): { status: number; body: string } =>
    healthAnswer('healthz', { lanes: proxy.loop.states(), nowMs: clock.nowMs(), timeoutMs: 60_000, nodeEligible: true });
  await clock.advance(5_000);
  iptables.failWith = new Error('out of memory');
  proxy.store.setService('default/dns', dns);
  proxy.changed();
  await clock.advance(0);
  assert.equal(answer().status, 200);
  for (let s = 0; s < 61; s++) await clock.advance(1_000);
  assert.equal(answer().status, 503);
  assert.match(answer().body, /"lastUpdated": "2026-01-01 00:00:00.000 \+0000 UTC"/);
  const { lastWritten } = await proxy.explain('default/dns', new AbortController().signal);
  assert.match(lastWritten[0]?.error ?? '', /out of memory/);
  assert.match(lastWritten[0]?.pendingSince ?? '', /00:00:05/);
  iptables.failWith = undefined;
  await clock.advance(30_000);
  assert.equal(answer().status, 200);
  await stop();
});

test('ServiceProxy: explanations in words', async () => {
  const { proxy, clock, stop } = await running();
  const web = service('web', {
    type: 'NodePort',
    clusterIP: '10.96.0.11',
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, nodePort: 30_080 }],
  });
  proxy.store.setService('default/web', web);
  proxy.store.setSlice(
    'default/web',
    slice('web', {
      endpoints: [
        { addresses: ['10.1.0.1'], nodeName: 'node-a', targetRef: { kind: 'Pod', namespace: 'default', name: 'web-0' } },
        { addresses: ['10.1.0.2'], nodeName: 'node-b' },
        { addresses: ['10.1.0.3'], nodeName: 'node-a', conditions: { ready: false } },
      ],
    }),
  );
  proxy.store.setService('default/none', service('none', { clusterIP: 'None', ports: [] }));
  proxy.changed();
  await clock.advance(1_000);
  const never = new AbortController().signal;
  const text = formatService(await proxy.explain('default/web', never));
  for (const want of [
    'Service default/web on node node-a, mode iptables',
    'internal traffic Cluster, external traffic Local',
    '10.1.0.1:8080, Pod default/web-0 on node-a, ready, 50 % of Cluster, 100 % of Local',
    '10.1.0.2:8080, on node-b, ready, 50 % of Cluster, not used for Local: it runs on node-b, not on node-a',
    '10.1.0.3:8080, on node-a, not ready, not used for Cluster: not ready, not used for Local: not ready',
    'node port *:30080/tcp:',
  ]) {
    assert.ok(text.includes(want), `${want}\nis not in\n${text}`);
  }
  assert.match(formatService(await proxy.explain('default/none', never)), /Nothing is programmed: it is headless/);
  await assert.rejects(proxy.explain('default/nobody', never), (err) => codeOf(err) === 'NOT_FOUND');
  const packet = { src: '10.1.0.2', dst: '10.96.0.11', dport: 80, protocol: 'tcp', inInterface: 'veth1', nodeAddresses: [] } as const;
  assert.match(
    formatPacket(await proxy.tracePacket(packet, never)),
    /50 % {2}goes to 10\.1\.0\.1:8080\n {2}50 % {2}goes to 10\.1\.0\.2:8080 masqueraded\nRules that match/,
  );
  await assert.rejects(proxy.tracePacket({ ...packet, dst: 'fd00::1' }, never), (err) => codeOf(err) === 'BAD_REQUEST');
  assert.deepEqual(await proxy.drift(never), []);
  await stop();
});

test('health: a node that is being deleted fails /healthz and not /livez', () => {
  const input = {
    lanes: [],
    nowMs: 1_000,
    timeoutMs: 1,
    nodeEligible: isEligible({ spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler' }] } }),
  };
  assert.deepEqual([healthAnswer('healthz', input).status, healthAnswer('livez', input).status], [503, 200]);
  assert.ok(healthAnswer('healthz', input).body.endsWith('"nodeEligible": false}'));
  assert.equal(isEligible({ metadata: { deletionTimestamp: 'x' } }), false);
  assert.equal(isEligible({}), true);
});

test('ProxyMetrics: names, types, labels and buckets as upstream has them', () => {
  const metrics = new ProxyMetrics(() => ({ cpuSeconds: 1.5, residentBytes: 1024, startSeconds: 7 }));
  for (const seconds of [0.0005, 0.0015, 100]) metrics.syncSeconds.observe(['IPv4'], seconds);
  metrics.programmingSeconds.observe(['IPv6'], 0.3);
  metrics.noLocalEndpoints.set(['IPv4', 'internal'], 2);
  const text = metrics.registry.text();
  for (const line of [
    '# TYPE kubeproxy_sync_proxy_rules_duration_seconds histogram',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.001"} 1',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.002"} 2',
    'kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="16.384"} 2',
    'kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"} 3',
    'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv6",le="0.25"} 0',
    'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv6",le="0.5"} 1',
    'kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv6",le="300"} 1',
    'kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="internal"} 2',
    'process_cpu_seconds_total 1.5',
    'process_resident_memory_bytes 1024',
    `kubernetes_build_info{git_version="${RELEASE}"} 1`,
  ]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
});

test('wantedOf: a service with several ports and families has one health port and counts each endpoint once', () => {
  const spec = {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1', 'fd96::1'],
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 32_000,
    ports: [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ],
  } as const;
  const ports = [
    { name: 'a', port: 1, protocol: 'TCP' },
    { name: 'b', port: 2, protocol: 'TCP' },
  ] as const;
  const of = (...ips: string[]): { addresses: string[]; nodeName: string }[] =>
    ips.map((ip) => ({ addresses: [ip], nodeName: ip.endsWith('9') ? 'node-b' : 'node-a' }));
  const table = tableOf([
    {
      service: service('lb', spec),
      slices: [
        slice('lb', { ports: [...ports], endpoints: of('10.1.0.1', '10.1.0.2', '10.1.0.9') }),
        slice('lb', { ports: [...ports], addressType: 'IPv6', endpoints: of('fd01::1', 'fd01::2') }),
      ],
    },
  ]);
  assert.deepEqual(
    [...wantedOf([...table.ports('IPv4').values(), ...table.ports('IPv6').values()])],
    [['default/lb', { port: 32_000, localEndpoints: 2 }]],
  );
});

test('ServiceProxy: a cluster IP that is an address of the node is served and told, once, until it is not any more', async () => {
  const { proxy, clock, iptables, lines, stop } = await running();
  const told = (): string[] => lines.filter((line) => line.includes('Service hides a port of the node'));
  proxy.store.setService('default/web', service('web', { clusterIP: '192.0.2.1', ports: [{ port: 80 }] }));
  proxy.store.setSlice('default/web', slice('web', { endpoints: [{ addresses: ['10.1.0.1'] }] }));
  proxy.changed();
  proxy.setNodeAddresses(['192.0.2.9']);
  assert.deepEqual(told(), []);
  proxy.setNodeAddresses(['192.0.2.9', '192.0.2.1']);
  proxy.setNodeAddresses(['192.0.2.9', '192.0.2.1']);
  assert.equal(told().length, 1);
  assert.match(told()[0] ?? '', /service=default\/web .*cluster IP 192\.0\.2\.1 is an address of this node: .*port 80\/tcp/);
  await clock.advance(1_000);
  assert.match(iptables.restored.join(''), /-d 192\.0\.2\.1\/32 .*--dport 80 -j KUBE-SVC-/);
  const problems = async (): Promise<number> => (await proxy.explain('default/web', new AbortController().signal)).problems.length;
  assert.equal(await problems(), 1);
  proxy.setNodeAddresses(['192.0.2.9']);
  assert.equal(await problems(), 0, 'the address has left the node');
  await stop();
});
