import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { signed } from '../../controllers/bootstrapSigner/reconcile.ts';
import { Authority } from '../../pki/issue.ts';
import { JOINERS, newToken, parseToken, rowOf, tokenSecret } from './bootstrapToken.ts';
import { believe, parsePins, pinOf } from './discovery.ts';
import { etcdEnvironment, membersIn } from './etcd.ts';
import { factsOf } from './joinControlPlane.ts';
import { NODE_PATHS, nodeFiles, type NodeFacts } from './nodeFiles.ts';
import { clusterObjects } from './objects.ts';
import { preflightProblems, throwIfUnfit, type SeenHost } from './preflight.ts';
import { resetPaths } from './resetPaths.ts';
import { openShared, parseCertificateKey, SHARED_FILES, sharedObjects } from './sharedKeys.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const dates = { notBefore: new Date(nowMs), notAfter: new Date(nowMs + 86_400_000) };
const certificateOf = async (): Promise<string> => (await Authority.make('kubernetes', dates)).pem.certificate;
const [CA, OTHER_CA] = await Promise.all([certificateOf(), certificateOf()]);
const CLUSTER = {
  server: 'https://192.0.2.1:6443',
  ca: CA,
  endpoint: undefined,
  serviceCidr: '10.96.0.0/12',
  podCidr: '10.244.0.0/16',
  network: '10.244.0.0/16',
  dnsDomain: 'cluster.local',
  version: 'v1.36.0',
  certDir: '/etc/kubernetes/pki',
  etcd: undefined,
  kubelet: 'kind: KubeletConfiguration\n',
  proxy: 'kind: KubeProxyConfiguration\nmode: nftables # fast\n',
};
const OPTIONS = { ttlMs: 3_600_000, usages: ['signing', 'authentication'], groups: [JOINERS], description: undefined, nowMs };
/** As the API server has it: stringData has become data. */
const stored = (token: { readonly id: string; readonly secret: string }, options: Partial<typeof OPTIONS> = {}) => {
  const { stringData = {} } = tokenSecret(token, { ...OPTIONS, ...options }) as { stringData?: Record<string, string> };
  return { data: Object.fromEntries(Object.entries(stringData).map(([k, v]) => [k, Buffer.from(v).toString('base64')])) } as never;
};

/** What the bootstrap signer makes of the cluster's own objects. */
function clusterInfo(...tokens: readonly (typeof TOKEN)[]): Record<string, string> {
  const map = clusterObjects(CLUSTER).find(({ body }) => body.metadata.name === 'cluster-info')?.body as never;
  return {
    ...signed(
      map,
      tokens.map((token) => stored(token)),
      nowMs,
    ),
  };
}

test('believe: what the signer signed with this token, under the hash of its authority', () => {
  assert.deepEqual(believe(clusterInfo(TOKEN), TOKEN, [pinOf(CA)]), { server: CLUSTER.server, ca: CA });
  assert.deepEqual(believe(clusterInfo(TOKEN), TOKEN, [pinOf(OTHER_CA), pinOf(CA)]).server, CLUSTER.server);
  assert.deepEqual(believe(clusterInfo(TOKEN), TOKEN, []).ca, CA);
});

const other = { id: 'abcdef', secret: 'fedcba9876543210' };
const named = (data: Record<string, string>, change: (jws: string) => string): Record<string, string> => ({
  ...data,
  'jws-kubeconfig-abcdef': change(data['jws-kubeconfig-abcdef'] ?? ''),
});
const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'abcdef' })).toString('base64url');
for (const [name, data, pins, said] of [
  ['another authority', clusterInfo(TOKEN), [pinOf(OTHER_CA)], /which is none of --discovery-token-ca-cert-hash/],
  ['no kubeconfig', {}, [], /has no kubeconfig/],
  ['not signed with it', clusterInfo({ id: 'zzzzzz', secret: TOKEN.secret }), [], /not signed with this token/],
  ['signed with another secret', clusterInfo(other), [], /is not by this token/],
  ['another server put in', { ...clusterInfo(TOKEN), kubeconfig: 'apiVersion: v1\n' }, [], /is not by this token/],
  ['no algorithm', named(clusterInfo(TOKEN), () => `${none}..`), [], /is not by this token/],
  ['the payload in it', named(clusterInfo(TOKEN), (jws) => jws.replace('..', '.e30.')), [], /is not by this token/],
  ['no signature', named(clusterInfo(TOKEN), (jws) => jws.replace(/\.[^.]+$/, '.')), [], /is not by this token/],
] as const)
  test(`believe refuses: ${name}`, () =>
    assert.throws(
      () => believe(data, TOKEN, pins),
      (err: Error) => said.test(err.message) && !err.message.includes(TOKEN.secret),
    ));

test('believe: no byte of a signature can be changed', () => {
  const data = clusterInfo(TOKEN);
  const jws = data['jws-kubeconfig-abcdef'] ?? '';
  const signature = Buffer.from(jws.split('.')[2] ?? '', 'base64url');
  fc.assert(
    fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = Buffer.from(signature);
      changed[at] = (changed[at] ?? 0) ^ by;
      const forged = named(data, () => `${jws.split('.')[0]}..${changed.toString('base64url')}`);
      assert.throws(() => believe(forged, TOKEN, [pinOf(CA)]), /is not by this token/);
    }),
    { numRuns: 50 },
  );
});

test('parsePins, parseToken: what is none is refused, and no secret is repeated', () => {
  assert.deepEqual(parsePins([`SHA256:${'A'.repeat(64)}, sha256:${'b'.repeat(64)}`]), [
    `sha256:${'a'.repeat(64)}`,
    `sha256:${'b'.repeat(64)}`,
  ]);
  assert.throws(() => parsePins(['sha256:12']), { code: 'USAGE' });
  assert.deepEqual(parseToken('abcdef.0123456789abcdef'), TOKEN);
  for (const text of ['abcdef.0123456789abcde', 'ABCDEF.0123456789abcdef', 'abcdef0123456789abcdef', ''])
    assert.throws(
      () => parseToken(text),
      (err: Error) => text === '' || !err.message.includes(text),
    );
});

test('tokens: a new one is one, and the list tells what it is', () => {
  let n = 0;
  const token = newToken((most) => n++ % most);
  assert.deepEqual(parseToken(`${token.id}.${token.secret}`), token);
  assert.deepEqual(rowOf(stored(TOKEN), nowMs), {
    token: 'abcdef.0123456789abcdef',
    expires: '2026-01-01T01:00:00Z',
    usages: 'authentication,signing',
    groups: JOINERS,
    description: '<none>',
  });
  assert.equal(rowOf(stored(TOKEN, { ttlMs: 0 }), nowMs)?.expires, '<forever>');
  assert.equal(rowOf(stored(TOKEN), nowMs + 3_600_000)?.expires, '<invalid>');
  assert.equal(rowOf({ data: {} }, nowMs), undefined);
});

test('clusterObjects: what nodes may read before they have joined is theirs by name alone, and everybody sees where the cluster is', () => {
  const objects = clusterObjects(CLUSTER);
  const of = (kind: string, name: string): Record<string, never> =>
    objects.find(({ body }) => body['kind'] === kind && body.metadata.name === name)?.body as never;
  const dataOf = (name: string): Record<string, string> => of('ConfigMap', name)['data'] ?? {};
  for (const { path, body } of objects) assert.match(path, /^\/(api\/v1|apis\/rbac\.authorization\.k8s\.io\/v1)\//, body.metadata.name);
  assert.deepEqual(of('RoleBinding', 'kubeadm:bootstrap-signer-clusterinfo')['subjects'], [
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:anonymous' },
  ]);
  const rules = objects.flatMap(({ body }) =>
    body['kind'] === 'Role' ? (body['rules'] as { resourceNames: string[]; verbs: string[] }[]) : [],
  );
  assert.ok(rules.every(({ resourceNames, verbs }) => resourceNames.length === 1 && verbs.join() === 'get'));
  assert.match(dataOf('kube-proxy')['config.conf'] ?? '', /^mode: nftables/m);
  const info = parse(dataOf('cluster-info')['kubeconfig'] ?? '') as { users: unknown[] };
  assert.deepEqual(info.users, []);
});

const NODE: NodeFacts = {
  nodeName: 'n2',
  nodeIp: '192.0.2.2',
  kubelet: CLUSTER.kubelet,
  proxy: CLUSTER.proxy,
  proxyKubeconfig: '/etc/kubernetes/kubelet.conf',
  bootstrapKubeconfig: '/etc/kubernetes/bootstrap-kubelet.conf',
  network: '10.244.0.0/16',
  resolvConf: undefined,
};

test('nodeFiles: the kubelet knows how it joins, the proxy keeps the cluster’s settings, and a reset knows every file', () => {
  const files = new Map(nodeFiles(NODE).map(({ path, text }) => [path, text]));
  const flags = files.get('/var/lib/kubelet/kubeadm-flags.env') ?? '';
  for (const flag of ['--bootstrap-kubeconfig=', '--kubeconfig=', '--node-ip=192.0.2.2', '--hostname-override=n2'])
    assert.ok(flags.includes(flag), flag);
  const proxy = files.get('/var/lib/kube-proxy/config.conf') ?? '';
  assert.match(proxy, /^mode: nftables # fast$/m);
  assert.deepEqual((parse(proxy) as { clientConnection: object }).clientConnection, { kubeconfig: '/etc/kubernetes/kubelet.conf' });
  const gone = [...NODE_PATHS, ...resetPaths()];
  for (const path of files.keys())
    assert.ok(
      gone.some((known) => path === known || path.startsWith(`${known}/`)),
      path,
    );
  const first = nodeFiles({ ...NODE, bootstrapKubeconfig: undefined, network: undefined });
  assert.ok(!first.some(({ text }) => text.includes('--bootstrap-kubeconfig')));
  assert.ok(!first.some(({ path }) => path.includes('kijabi-network')));
});

test('resetPaths: manifests and what is set aside of a host that stands alone stay', () => {
  const paths = resetPaths();
  assert.equal(new Set(paths).size, paths.length);
  for (const kept of ['/etc/kubernetes', '/etc/kubernetes/manifests', '/etc/kubernetes/kube-proxy.yaml'])
    assert.ok(!paths.includes(kept), kept);
});

const FIT: SeenHost = { isRoot: true, missingServices: [], busyPorts: [], files: [], hasRuntime: true, forwards: true };

test('preflight: everything at once, and only what is named is let pass', () => {
  assert.deepEqual(preflightProblems(FIT), []);
  const problems = preflightProblems({
    isRoot: false,
    missingServices: ['kubelet.service'],
    busyPorts: [6443],
    files: ['/etc/kubernetes/kubelet.conf'],
    hasRuntime: false,
    forwards: false,
  });
  assert.throws(
    () => throwIfUnfit(problems, []),
    (err: Error) =>
      [
        'IsPrivilegedUser',
        'Service-kubelet',
        'Port-6443',
        'FileAvailable--etc-kubernetes-kubelet.conf',
        'CRI',
        'FileContent--proc-sys-net-ipv4-ip_forward',
      ].every((name) => err.message.includes(`\t[ERROR ${name}]: `)),
  );
  assert.throws(
    () => throwIfUnfit(problems, ['port-6443']),
    (err: Error) => !err.message.includes('Port-6443'),
  );
  assert.deepEqual(throwIfUnfit(problems, ['all']), problems);
});

test('etcdEnvironment: the first member begins a cluster, a further one knows all others', () => {
  const first = etcdEnvironment({ nodeName: 'cp', advertiseAddress: '2001:db8::1' });
  assert.match(first, /^ETCD_INITIAL_CLUSTER=cp=https:\/\/\[2001:db8::1\]:2380\nETCD_INITIAL_CLUSTER_STATE=new$/m);
  assert.match(first, /^ETCD_LISTEN_CLIENT_URLS=https:\/\/127\.0\.0\.1:2379,https:\/\/\[2001:db8::1\]:2379$/m);
  const listed = membersIn(`8e9e05c52164694d, started, cp1, https://192.0.2.1:2380, https://192.0.2.1:2379, false
91bc3c398fb3c146, unstarted, , https://192.0.2.2:2380, , false
`);
  assert.deepEqual(listed[1], { id: '91bc3c398fb3c146', name: '', peerUrls: ['https://192.0.2.2:2380'] });
  const second = etcdEnvironment({ nodeName: 'cp2', advertiseAddress: '192.0.2.2' }, listed);
  assert.match(
    second,
    /^ETCD_INITIAL_CLUSTER=cp1=https:\/\/192\.0\.2\.1:2380,cp2=https:\/\/192\.0\.2\.2:2380\nETCD_INITIAL_CLUSTER_STATE=existing$/m,
  );
});

const KEY = Buffer.alloc(32, 7);
const OWNER = { name: 'bootstrap-token-abcdef', uid: 'u1' };
const FILES = new Map(SHARED_FILES.map((file) => [file, `content of ${file}`]));
function sharedData(): Record<string, string> {
  let n = 0;
  const nonce = (length: number): Buffer => Buffer.alloc(length, n++);
  return sharedObjects({ files: FILES, key: KEY, owner: OWNER, nonce })[0]?.body['data'] as Record<string, string>;
}

test('shared keys: whoever has the certificate key opens them, nobody else does, and nothing can be changed', () => {
  const data = sharedData();
  assert.deepEqual(openShared(data, KEY), FILES);
  assert.deepEqual(parseCertificateKey('07'.repeat(32)), KEY);
  assert.throws(() => parseCertificateKey('07'.repeat(31)), { code: 'USAGE' });
  assert.throws(() => openShared(data, Buffer.alloc(32, 8)), { code: 'CERTIFICATE_KEY_WRONG' });
  const { 'sa.key': _, ...less } = data;
  assert.throws(() => openShared(less, KEY), { code: 'CERTIFICATE_KEY_WRONG' });
  const sealed = Buffer.from(data['etcd-ca.key'] ?? '', 'base64');
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ by;
      assert.throws(() => openShared({ ...data, 'etcd-ca.key': changed.toString('base64') }, KEY), { code: 'CERTIFICATE_KEY_WRONG' });
    }),
    { numRuns: 50 },
  );
  assert.ok(!JSON.stringify(data).includes('content of'));
});

test('a further control plane: takes its facts from the cluster, and is refused where there is no room for it', () => {
  const self = { nodeName: 'cp2', advertiseAddress: '192.0.2.2', port: 6443 };
  const text = (more: object): string => {
    const map = clusterObjects({ ...CLUSTER, ...more }).find(({ body }) => body.metadata.name === 'kubeadm-config');
    return (map?.body['data'] as Record<string, string> | undefined)?.['ClusterConfiguration'] ?? '';
  };
  const { facts, certDir } = factsOf(text({ endpoint: 'lb.example:6443', etcd: ['https://127.0.0.1:2379'] }), self);
  assert.equal(certDir, CLUSTER.certDir);
  assert.deepEqual(
    [facts.endpoint, facts.serviceRanges.map(({ canonical }) => canonical), facts.podRanges, facts.nodeName],
    ['lb.example:6443', ['10.96.0.0/12'], ['10.244.0.0/16'], 'cp2'],
  );
  assert.throws(() => factsOf(text({ etcd: [] }), self), /stable controlPlaneEndpoint/);
  assert.throws(() => factsOf(text({ endpoint: 'lb.example:6443' }), self), /its store is in its API server/);
});
