import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Write } from '../storage/store.ts';
import { refusalOf, TestRegistry, type Put, type TestRequest } from '../testing/registry.ts';
import { resourceQuota } from './resourceQuota.ts';

type Amounts = Readonly<Record<string, string>>;
const quota = (hard: Amounts, used: Amounts | undefined, spec: object = {}, name = 'q'): Put => [
  'v1',
  'resourcequotas',
  { metadata: { namespace: 'a', name }, spec: { hard, ...spec }, status: { hard, ...(used === undefined ? {} : { used }) } },
];
const pod = (resources: object = {}, spec: object = {}, containers = ['c']): object => ({
  metadata: { namespace: 'a', name: 'x' },
  spec: { containers: containers.map((name) => ({ name, image: 'i', resources })), ...spec },
});
const service = (type: string, ports: number): object => ({
  metadata: { namespace: 'a', name: 'x' },
  spec: { type, ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, port: i + 1 })) },
});
const claim = (storage: string, storageClassName?: string): object => ({
  metadata: { namespace: 'a', name: 'x' },
  spec: { resources: { requests: { storage } }, ...(storageClassName === undefined ? {} : { storageClassName }) },
});
const cpu = (requests: string): object => ({ requests: { cpu: requests }, limits: { cpu: requests } });

interface Row {
  readonly what: string;
  readonly quotas: readonly Put[];
  readonly plural?: string;
  readonly apiVersion?: string;
  readonly request: TestRequest;
  /** What is written as used; or the refusal. */
  readonly used?: Amounts;
  readonly refusal?: string;
}

const ROWS: readonly Row[] = [
  { what: 'a pod that fits', quotas: [quota({ pods: '2' }, { pods: '1' })], request: { object: pod() }, used: { pods: '2' } },
  {
    what: 'a pod too many',
    quotas: [quota({ pods: '1' }, { pods: '1' })],
    request: { object: pod() },
    refusal: 'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
  },
  {
    what: 'too much of two things, in the order of their names',
    quotas: [quota({ 'requests.cpu': '1', 'limits.cpu': '1', pods: '9' }, { 'requests.cpu': '500m', 'limits.cpu': '0', pods: '0' })],
    request: { object: pod(cpu('2')) },
    refusal:
      'exceeded quota: q, requested: limits.cpu=2,requests.cpu=2, used: limits.cpu=0,requests.cpu=500m, limited: limits.cpu=1,requests.cpu=1',
  },
  {
    what: 'amounts of all containers together',
    quotas: [quota({ cpu: '3' }, { cpu: '500m' })],
    request: { object: pod(cpu('1'), {}, ['c', 'd']) },
    used: { cpu: '2500m' },
  },
  {
    what: 'a container that does not say how much',
    quotas: [quota({ cpu: '3', 'limits.memory': '1Gi' }, { cpu: '0', 'limits.memory': '0' })],
    request: { object: pod({}, {}, ['d', 'c']) },
    refusal: 'failed quota: q: must specify cpu for: c,d; limits.memory for: c,d',
  },
  {
    what: 'a pod that says it for all its containers',
    quotas: [quota({ cpu: '3' }, { cpu: '0' })],
    request: { object: pod({}, { resources: { requests: { cpu: '1' } } }) },
    used: { cpu: '1' },
  },
  {
    what: 'a quota whose use nobody has counted yet',
    quotas: [quota({ pods: '1', services: '1' }, { services: '0' })],
    request: { object: pod() },
    refusal: 'status unknown for quota: q, resources: pods',
  },
  {
    what: 'a quota that limits something else',
    quotas: [quota({ services: '0' }, { services: '0' })],
    request: { object: pod() },
    used: { services: '0' },
  },
  {
    what: 'a resize that grows',
    quotas: [quota({ cpu: '2' }, { cpu: '1' })],
    request: { subresource: 'resize', old: pod(cpu('1')), object: pod(cpu('1500m')) },
    used: { cpu: '1500m' },
  },
  {
    what: 'a resize that shrinks gives nothing back here',
    quotas: [quota({ cpu: '2' }, { cpu: '1' })],
    request: { subresource: 'resize', old: pod(cpu('1')), object: pod(cpu('500m')) },
    used: { cpu: '1' },
  },
  {
    what: 'an update of a pod',
    quotas: [quota({ pods: '0' }, { pods: '0' })],
    request: { old: pod(), object: pod() },
    used: { pods: '0' },
  },
  {
    what: 'the status of a pod',
    quotas: [quota({ pods: '0' }, { pods: '0' })],
    request: { subresource: 'status', old: pod(), object: pod() },
    used: { pods: '0' },
  },
  {
    what: 'a dry run is held to the quota, and uses nothing',
    quotas: [quota({ pods: '1' }, { pods: '0' })],
    request: { object: pod(), dryRun: true },
    used: { pods: '0' },
  },
  {
    what: 'another class of pods',
    quotas: [quota({ pods: '0' }, { pods: '0' }, { scopes: ['BestEffort'] })],
    request: { object: pod(cpu('1')) },
    used: { pods: '0' },
  },
  {
    what: 'this class of pods',
    quotas: [quota({ pods: '0' }, { pods: '0' }, { scopes: ['BestEffort'] })],
    request: { object: pod() },
    refusal: 'exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
  },
  {
    what: 'pods of one priority',
    quotas: [
      quota(
        { pods: '0' },
        { pods: '0' },
        { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      ),
    ],
    request: { object: pod({}, { priorityClassName: 'high' }) },
    refusal: 'exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
  },
  {
    what: 'a second quota that is full',
    quotas: [quota({ pods: '5' }, { pods: '0' }, {}, 'a'), quota({ 'count/pods': '0' }, { 'count/pods': '0' }, {}, 'b')],
    request: { object: pod() },
    refusal: 'exceeded quota: b, requested: count/pods=1, used: count/pods=0, limited: count/pods=0',
  },
  {
    what: 'objects of a group',
    apiVersion: 'batch/v1',
    plural: 'cronjobs',
    quotas: [quota({ 'count/cronjobs.batch': '1' }, { 'count/cronjobs.batch': '1' })],
    request: {
      object: {
        metadata: { namespace: 'a', name: 'x' },
        spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }] } } } } },
      },
    },
    refusal: 'exceeded quota: q, requested: count/cronjobs.batch=1, used: count/cronjobs.batch=1, limited: count/cronjobs.batch=1',
  },
  {
    what: 'config maps by their old name',
    plural: 'configmaps',
    quotas: [quota({ configmaps: '1' }, { configmaps: '0' })],
    request: { object: { metadata: { namespace: 'a', name: 'x' } } },
    used: { configmaps: '1' },
  },
  {
    what: 'a service that gets node ports',
    plural: 'services',
    quotas: [quota({ 'services.nodeports': '2', services: '9' }, { 'services.nodeports': '0', services: '1' })],
    request: { old: service('ClusterIP', 2), object: service('NodePort', 2) },
    used: { 'services.nodeports': '2', services: '1' },
  },
  {
    what: 'load balancers',
    plural: 'services',
    quotas: [quota({ 'services.loadbalancers': '0' }, { 'services.loadbalancers': '0' })],
    request: { object: service('LoadBalancer', 1) },
    refusal: 'exceeded quota: q, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
  },
  {
    what: 'storage of one class',
    plural: 'persistentvolumeclaims',
    quotas: [
      quota(
        { 'requests.storage': '10Gi', 'fast.storageclass.storage.k8s.io/requests.storage': '1Gi' },
        { 'requests.storage': '0', 'fast.storageclass.storage.k8s.io/requests.storage': '0' },
      ),
    ],
    request: { object: claim('2Gi', 'fast') },
    refusal:
      'exceeded quota: q, requested: fast.storageclass.storage.k8s.io/requests.storage=2Gi, used: fast.storageclass.storage.k8s.io/requests.storage=0, limited: fast.storageclass.storage.k8s.io/requests.storage=1Gi',
  },
  {
    what: 'a claim that grows',
    plural: 'persistentvolumeclaims',
    quotas: [
      quota({ 'requests.storage': '10Gi', persistentvolumeclaims: '1' }, { 'requests.storage': '1Gi', persistentvolumeclaims: '1' }),
    ],
    request: { old: claim('1Gi'), object: claim('3Gi') },
    used: { 'requests.storage': '3Gi', persistentvolumeclaims: '1' },
  },
];

for (const { what, quotas, apiVersion = 'v1', plural = 'pods', request, used, refusal } of ROWS) {
  test(`${refusal === undefined ? 'let in' : 'refused'}: ${what}`, async () => {
    const bench = new TestRegistry(quotas);
    const writes: Write[] = [];
    const made = { ...bench.request(apiVersion, plural, request), also: (write: Write) => void writes.push(write) };
    const found = await refusalOf(bench.admit(resourceQuota(bench.parts), made));
    if (refusal !== undefined) {
      const about = apiVersion === 'v1' ? plural : `${plural}.${apiVersion.split('/')[0]}`;
      assert.equal(found, `${about} "x" is forbidden: ${refusal}`);
      return;
    }
    assert.equal(found, '');
    const [write] = writes;
    const stored = write === undefined || write.kind !== 'update' ? quotas[0]?.[2] : JSON.parse(Buffer.from(write.value).toString());
    const { status } = stored as { readonly status: { readonly used: Amounts } };
    assert.deepEqual(status.used, used);
  });
}

test('a quota that no controller has looked at holds nothing yet', async () => {
  const bench = new TestRegistry([['v1', 'resourcequotas', { metadata: { namespace: 'a', name: 'q' }, spec: { hard: { pods: '0' } } }]]);
  assert.equal(await refusalOf(bench.admit(resourceQuota(bench.parts), bench.request('v1', 'pods', { object: pod() }))), '');
});
