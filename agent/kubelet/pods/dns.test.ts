import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod, PodSpec } from '#api/kinds/core/pod.ts';
import { fqdnOf, hostnameOf, hostsFile, kernelHostname, podDns, type NodeNames } from './dns.ts';

const pod = (spec: Partial<PodSpec> = {}, name = 'web'): Pod => ({
  metadata: { name, namespace: 'ns' },
  spec: { containers: [], ...spec },
});
const NODE: NodeNames = {
  dns: { servers: ['192.0.2.1'], searches: ['example.org'], options: ['timeout:1'] },
  clusterDns: [],
  clusterDomain: '',
};
const CLUSTER: NodeNames = { ...NODE, clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local' };
const IN_CLUSTER = {
  servers: ['10.96.0.10'],
  searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.org'],
  options: ['ndots:5'],
};

for (const [name, spec, node, want] of [
  ['Default takes what the node has', { dnsPolicy: 'Default' }, CLUSTER, NODE.dns],
  ['ClusterFirst without a cluster takes what the node has', {}, NODE, NODE.dns],
  ['ClusterFirst', {}, CLUSTER, IN_CLUSTER],
  ["ClusterFirst on the node's network takes what the node has", { hostNetwork: true }, CLUSTER, NODE.dns],
  ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, CLUSTER, IN_CLUSTER],
  [
    'None takes only what the pod says',
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a.b'], options: [{ name: 'edns0' }] } },
    CLUSTER,
    { servers: ['1.1.1.1'], searches: ['a.b'], options: ['edns0'] },
  ],
  [
    'dnsConfig comes on top, each thing once, an option of the same name is replaced',
    { dnsConfig: { nameservers: ['10.96.0.10', '1.1.1.1'], searches: ['example.org', 'x'], options: [{ name: 'ndots', value: '2' }] } },
    CLUSTER,
    { servers: ['10.96.0.10', '1.1.1.1'], searches: [...IN_CLUSTER.searches, 'x'], options: ['ndots:2'] },
  ],
] as const satisfies readonly (readonly [string, Partial<PodSpec>, NodeNames, object])[]) {
  test(`podDns: ${name}`, () => assert.deepEqual(podDns(pod(spec), node), { config: want, omitted: [] }));
}

test('podDns: no more than resolvers read, and what was left out is told', () => {
  const { config, omitted } = podDns(
    pod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } }),
    NODE,
  );
  assert.deepEqual(config.servers, ['1.1.1.1', '1.1.1.2', '1.1.1.3']);
  assert.deepEqual(omitted, [
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 1.1.1.2 1.1.1.3',
  ]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.domain(), { maxLength: 60 }), (searches) => {
      const made = podDns(pod({ dnsPolicy: 'None', dnsConfig: { searches } }), NODE);
      assert.ok(made.config.searches.length <= 32 && made.config.searches.join(' ').length <= 2_048);
      assert.deepEqual(made.config.searches, searches.slice(0, made.config.searches.length));
      assert.equal(made.omitted.length, made.config.searches.length < searches.length ? 1 : 0);
    }),
  );
});

test('names: the own name, one given, one too long, the full name', () => {
  assert.equal(hostnameOf(pod()), 'web');
  assert.equal(hostnameOf(pod({ hostname: 'db' })), 'db');
  assert.equal(hostnameOf(pod({}, `${'a'.repeat(62)}-b`)), 'a'.repeat(62));
  assert.equal(fqdnOf(pod({ hostname: 'db', subdomain: 'data' }), 'cluster.local'), 'db.data.ns.svc.cluster.local');
  assert.equal(fqdnOf(pod({ hostname: 'db' }), 'cluster.local'), undefined);
  assert.equal(kernelHostname(pod({ subdomain: 'data', setHostnameAsFQDN: true }), 'cluster.local'), 'web.data.ns.svc.cluster.local');
  assert.equal(kernelHostname(pod({ subdomain: 'data' }), 'cluster.local'), 'web');
  assert.equal(hostnameOf(pod({ hostnameOverride: 'any.name', hostname: 'x', subdomain: 'y' })), 'any.name');
  assert.throws(
    () => kernelHostname(pod({ subdomain: 'x'.repeat(60), setHostnameAsFQDN: true }), 'cluster.local'),
    /is too long \(64 characters is the max/,
  );
});

test('hostsFile: addresses with the full name first, then aliases; on the host network the file of the node', () => {
  const facts = { podIps: ['10.0.0.2'], clusterDomain: 'c.l', nodeHosts: '127.0.0.1 localhost\n' };
  const aliases = { hostAliases: [{ ip: '192.0.2.9', hostnames: ['a', 'b'] }] };
  const own = hostsFile(pod({ subdomain: 'sub', ...aliases }), facts);
  assert.match(own, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(own, /\n10\.0\.0\.2\tweb\.sub\.ns\.svc\.c\.l\tweb\n\n# Entries added by HostAliases\.\n192\.0\.2\.9\ta\tb\n$/);
  assert.equal(
    hostsFile(pod({ hostNetwork: true, ...aliases }), facts),
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n\n# Entries added by HostAliases.\n192.0.2.9\ta\tb\n',
  );
});
