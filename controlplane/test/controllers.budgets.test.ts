/** Budgets of disruption, quotas, roles and tokens with a real API server, each with the rights of its own account. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { until } from '#agent/test/harness/until.ts';
import { controllersFor } from './runningControllers.ts';
import { mustTell } from './upstreamEvents.ts';

const NS = '/api/v1/namespaces/default';
const PDBS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
const WANTED = [
  'disruption-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'job-controller',
  'replicaset-controller',
  'statefulset-controller',
  'resourcequota-controller',
  'clusterrole-aggregation-controller',
  'token-cleaner-controller',
  'bootstrap-signer-controller',
];

void describe('budgets, quotas, roles, tokens', () => {
  const controllers = controllersFor(WANTED);
  const json = async <T>(path: string): Promise<T> => (await controllers.client.get(path)).json as T;
  const container = { name: 'c', image: 'x', resources: { requests: { cpu: '100m' } } };

  test('evictions are allowed while enough stay, refused then, and allowed again when one more is ready', async () => {
    const put = async (name: string): Promise<void> => {
      assert.equal(
        (
          await controllers.client.post(`${NS}/pods`, {
            metadata: { name, labels: { app: 'db' } },
            spec: { nodeName: 'n', containers: [container] },
          })
        ).code,
        201,
      );
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await controllers.client.patch(`${NS}/pods/${name}/status`, 'merge-patch', { status });
    };
    await put('db-0');
    await put('db-1');
    await controllers.client.post(PDBS, { metadata: { name: 'db' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'db' } } } });
    const allowed = async (): Promise<number | undefined> =>
      (await json<{ status?: { disruptionsAllowed?: number } }>(`${PDBS}/db`)).status?.disruptionsAllowed;
    await until('one may go', async () => (await allowed()) === 1);
    const evict = (name: string) =>
      controllers.client.post(`${NS}/pods/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });
    assert.equal((await evict('db-0')).code, 201);
    const second = await evict('db-1');
    assert.equal(second.code, 429);
    assert.match(second.text, /needs 1 healthy pods and has [12] currently/);
    await until('none may go', async () => (await allowed()) === 0);
    await put('db-2');
    await until('one more', async () => (await allowed()) === 1);
    assert.equal((await evict('db-1')).code, 201);
  });

  test('a quota holds from the moment it is known, and gives back what goes, of any kind', async () => {
    const hard = { pods: '20', 'requests.cpu': '250m', configmaps: '100', 'count/deployments.apps': '1' };
    await controllers.client.post('/api/v1/namespaces', { metadata: { name: 'limited' } });
    const ns = '/api/v1/namespaces/limited';
    await until('its account', async () => (await controllers.client.get(`${ns}/serviceaccounts/default`)).code === 200);
    await controllers.client.post(`${ns}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
    const used = async (): Promise<Record<string, string> | undefined> =>
      (await json<{ status?: { used?: Record<string, string> } }>(`${ns}/resourcequotas/q`)).status?.used;
    await until('it is counted', async () => (await used())?.['configmaps'] === '1');
    const pod = (name: string) => controllers.client.post(`${ns}/pods`, { metadata: { name }, spec: { containers: [container] } });
    assert.equal((await pod('a')).code, 201);
    assert.equal((await pod('b')).code, 201);
    const refused = await pod('c');
    assert.equal(refused.code, 403);
    assert.match(refused.text, /exceeded quota: q, requested: requests\.cpu=100m, used: requests\.cpu=200m, limited: requests\.cpu=250m/);
    await controllers.client.delete(`${ns}/pods/a`);
    await until('it is given back', async () => (await used())?.['requests.cpu'] === '100m');
    assert.equal((await pod('c')).code, 201);
    await controllers.client.post(`${ns}/configmaps`, { metadata: { name: 'm' } });
    assert.equal((await used())?.['configmaps'], '2');
    await controllers.client.delete(`${ns}/configmaps/m`);
    await until('a config map less', async () => (await used())?.['configmaps'] === '1');
  });

  test('what a quota leaves no room for is told where people look, in the words of upstream', async () => {
    const ns = '/api/v1/namespaces/full';
    await controllers.client.post('/api/v1/namespaces', { metadata: { name: 'full' } });
    await until('its account', async () => (await controllers.client.get(`${ns}/serviceaccounts/default`)).code === 200);
    const hard = { pods: '0', persistentvolumeclaims: '0', 'count/endpoints': '0', 'count/endpointslices.discovery.k8s.io': '0' };
    await controllers.client.post(`${ns}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
    await until(
      'it is counted',
      async () => (await json<{ status?: { used?: object } }>(`${ns}/resourcequotas/q`)).status?.used !== undefined,
    );
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container], restartPolicy: 'Always' } };
    const selector = { matchLabels: { app: 'x' } };
    const claim = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } };
    const put = async (path: string, name: string, spec: object): Promise<void> => {
      const { code, text } = await controllers.client.post(path, { metadata: { name }, spec });
      assert.equal(code, 201, text);
    };
    const apps = '/apis/apps/v1/namespaces/full';
    await put(`${apps}/replicasets`, 'rs', { replicas: 1, selector, template });
    await put(`${apps}/statefulsets`, 'sts', { serviceName: 's', replicas: 1, selector, template });
    const volumeClaimTemplates = [{ metadata: { name: 'data' }, ...claim }];
    await put(`${apps}/statefulsets`, 'claims', { serviceName: 's', replicas: 1, selector, template, volumeClaimTemplates });
    const never = { spec: { containers: [container], restartPolicy: 'Never' } };
    await put('/apis/batch/v1/namespaces/full/jobs', 'job', { template: never });
    await put(`${ns}/services`, 'svc', { selector: { app: 'x' }, ports: [{ port: 80 }] });
    const told = async (): Promise<readonly Event[]> => (await json<{ items: Event[] }>(`${ns}/events`)).items;
    const reasons = async (): Promise<string> =>
      (await told()).map(({ involvedObject, reason }) => `${involvedObject.name}:${reason}`).join();
    for (const one of ['rs:FailedCreate', 'sts:FailedCreate', 'claims:FailedCreate', 'job:FailedCreate', 'svc:FailedToCreateEndpoint'])
      await until(one, async () => (await reasons()).includes(one));
    await until('slices', async () => (await reasons()).includes('svc:FailedToUpdateEndpointSlices'));
    mustTell(await told(), []);
    const { message } = (await told()).find(({ involvedObject }) => involvedObject.name === 'rs') ?? {};
    assert.match(
      message ?? '',
      /^Error creating: pods "rs-\w{5}" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0$/,
    );
  });

  test('a role that is made of others follows them', async () => {
    const label = { 'example.com/to': 'whole' };
    const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
    await controllers.client.post(ROLES, {
      metadata: { name: 'whole' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: label }] },
      rules: [],
    });
    await controllers.client.post(ROLES, { metadata: { name: 'part-1', labels: label }, rules: [rule('pods')] });
    await controllers.client.post(ROLES, { metadata: { name: 'part-2', labels: label }, rules: [rule('secrets')] });
    const resources = async (): Promise<string> =>
      ((await json<{ rules: { resources: string[] }[] }>(`${ROLES}/whole`)).rules ?? []).flatMap((r) => r.resources).join();
    await until('both', async () => (await resources()) === 'pods,secrets');
    await controllers.client.delete(`${ROLES}/part-1`);
    await until('one', async () => (await resources()) === 'secrets');
  });

  test('tokens sign what new nodes are to believe, and go when their time is over', async () => {
    const system = '/api/v1/namespaces/kube-system/secrets';
    const token = (id: string, expiration: string) =>
      controllers.client.post(system, {
        metadata: { name: `bootstrap-token-${id}` },
        type: 'bootstrap.kubernetes.io/token',
        stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', expiration },
      });
    await controllers.client.post('/api/v1/namespaces/kube-public/configmaps', {
      metadata: { name: 'cluster-info' },
      data: { kubeconfig: 'clusters: []' },
    });
    assert.equal((await token('aaaaaa', '2999-01-01T00:00:00Z')).code, 201);
    const data = async (): Promise<readonly string[]> =>
      Object.keys((await json<{ data: object }>('/api/v1/namespaces/kube-public/configmaps/cluster-info')).data);
    await until('it is signed', async () => (await data()).includes('jws-kubeconfig-aaaaaa'));
    await token('bbbbbb', new Date(controllers.clock.nowMs() - 5_000).toISOString());
    await until('one that ended is gone', async () => (await controllers.client.get(`${system}/bootstrap-token-bbbbbb`)).code === 404);
    await controllers.client.delete(`${system}/bootstrap-token-aaaaaa`);
    await until('nobody signs', async () => !(await data()).includes('jws-kubeconfig-aaaaaa'));
  });

  test('nothing was refused, and nothing failed', () => {
    // But for the namespace that is full.
    assert.deepEqual(
      controllers.complaints().filter((line) => !/ key=full\//.test(line)),
      [],
    );
  });
});
