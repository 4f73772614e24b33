/** A kubelet with its own client certificate against the whole server: certificate, Node authorizer, NodeRestriction. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const json = (answer: TestAnswer): Loose => answer.json as Loose;

let server: DevServer;
let admin: TestClient;
let kubelet: TestClient;
const POD = '/api/v1/namespaces/default/pods';

before(async () => {
  server = await startDevServer();
  admin = new TestClient(server);
  kubelet = new TestClient(server, await server.pki.issueClient('O=system:nodes, CN=system:node:n1'));
  const secret = (name: string): object => ({ metadata: { name }, stringData: { a: 'b' } });
  for (const name of ['used', 'unused']) await admin.post('/api/v1/namespaces/default/secrets', secret(name));
  const pod = (name: string, nodeName: string): object => ({
    metadata: { name },
    spec: { nodeName, containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 'used' } }] }] },
  });
  for (const [name, node] of [
    ['mine', 'n1'],
    ['other', 'n2'],
  ] as const) {
    const made = await admin.post(POD, pod(name, node));
    assert.equal(made.code, 201, made.text);
  }
});
after(async () => {
  admin.close();
  kubelet.close();
  await server.stop();
});

const as = { token: null };

test('a kubelet registers, renews its lease and reports', async () => {
  const made = await kubelet.post('/api/v1/nodes', { metadata: { name: 'n1' } }, as);
  assert.equal(made.code, 201, made.text);
  assert.deepEqual(json(made).spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const status = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  const patched = await kubelet.send('PATCH', '/api/v1/nodes/n1/status', {
    ...as,
    body: status,
    type: 'application/strategic-merge-patch+json',
  });
  assert.equal(patched.code, 200, patched.text);
  const lease = { metadata: { name: 'n1', namespace: 'kube-node-lease' }, spec: { holderIdentity: 'n1' } };
  assert.equal((await kubelet.post('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', lease, as)).code, 201);
  const running = await kubelet.send('PATCH', `${POD}/mine/status`, {
    ...as,
    body: { status: { phase: 'Running' } },
    type: 'application/strategic-merge-patch+json',
  });
  assert.equal(json(running).status?.phase, 'Running', running.text);
});

test('it sees its pods and their secrets, and nothing of others', async () => {
  const list = await kubelet.get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn1', as);
  assert.deepEqual(
    json(list).items.map((p: Loose) => p.metadata.name),
    ['mine'],
  );
  assert.equal((await kubelet.get('/api/v1/namespaces/default/secrets/used', as)).code, 200);
  const watch = await kubelet.watch('/api/v1/namespaces/default/secrets?watch=1&fieldSelector=metadata.name%3Dused', as);
  assert.equal((await watch.next())?.object.metadata.name, 'used');
  watch.close();
});

const REFUSED: readonly (readonly [what: string, send: (c: TestClient) => Promise<TestAnswer>, message: RegExp])[] = [
  [
    'all pods',
    (c) => c.get('/api/v1/pods', as),
    /^pods is forbidden: User "system:node:n1" cannot list resource "pods" in API group "" at the cluster scope: can only list\/watch pods with spec\.nodeName field selector$/,
  ],
  [
    'a secret of nobody',
    (c) => c.get('/api/v1/namespaces/default/secrets/unused', as),
    /secrets "unused" is forbidden: User "system:node:n1" cannot get resource "secrets" .*: no relationship found between node 'n1' and this object/,
  ],
  ['all secrets', (c) => c.get('/api/v1/namespaces/default/secrets', as), /No Object name found/],
  ['another node', (c) => c.get('/api/v1/nodes/n2', as), /node 'n1' cannot read 'n2', only its own Node object/],
  ['the pod of another', (c) => c.delete(`${POD}/other`, as), /node "n1" can only delete pods with spec\.nodeName set to itself/],
  [
    'to evict the pod of another',
    (c) => c.post(`${POD}/other/eviction`, { metadata: { name: 'other' } }, as),
    /node n1 can only evict pods with spec\.nodeName set to itself/,
  ],
  [
    'a pod of its own making',
    (c) => c.post(POD, { metadata: { name: 'x' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] } }, as),
    /node "n1" can only create mirror pods/,
  ],
  [
    'to be attractive',
    (c) =>
      c.send('PATCH', '/api/v1/nodes/n1', {
        ...as,
        body: { metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } } },
        type: 'application/merge-patch+json',
      }),
    /nodes "n1" is forbidden: is not allowed to modify labels: node-role\.kubernetes\.io\/control-plane/,
  ],
  [
    'to taint itself',
    (c) =>
      c.send('PATCH', '/api/v1/nodes/n1', {
        ...as,
        body: { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
        type: 'application/merge-patch+json',
      }),
    /node "n1" is not allowed to modify taints/,
  ],
  [
    'a token that is bound to nothing',
    (c) => c.post('/api/v1/namespaces/default/serviceaccounts/default/token', { spec: { audiences: [] } }, as),
    /node requested token not bound to a pod/,
  ],
  [
    'to be somebody else',
    (c) => c.get('/api/v1/pods', { ...as, headers: { 'Impersonate-User': 'kubernetes-admin', 'Impersonate-Group': 'system:masters' } }),
    /cannot impersonate resource "users"/,
  ],
];

for (const [what, send, message] of REFUSED) {
  test(`a kubelet may not have: ${what}`, async () => {
    const answer = await send(kubelet);
    assert.deepEqual([answer.code, json(answer).reason], [403, 'Forbidden'], answer.text);
    assert.match(json(answer).message, message);
  });
}
