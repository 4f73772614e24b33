/** What may not change once it is there, kind by kind, in upstream's words; and what may. One row, one change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAs } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';
import { updateProblems } from '../parts.ts';
import type { WriteContext } from '../types.ts';
import { newEventStrategy } from './cluster.ts';
import { TestRegistry } from '../../testing/registry.ts';

const { registry } = new TestRegistry();
const context: WriteContext = {
  user: { name: 'me', groups: [] },
  dryRun: false,
  subresource: '',
  nowMs: 0,
  warn: () => undefined,
  also: () => undefined,
};

/** Sets fields by their paths; undefined takes one away. */
function changed(object: object, changes: Readonly<Record<string, unknown>>): object {
  const copy = structuredClone(object) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.');
    let place = copy;
    for (const name of names.slice(0, -1)) place = (place[name] ??= {}) as Record<string, unknown>;
    place[names.at(-1) ?? ''] = value;
  }
  return JSON.parse(JSON.stringify(copy)) as object;
}

function problemsOf(apiVersion: string, plural: string, object: object, changes: Readonly<Record<string, unknown>>): readonly string[] {
  const found = registry.get(apiVersion, plural);
  // The server makes this one, because it knows how long events live.
  const resource = apiVersion === 'events.k8s.io/v1' ? { ...found, strategy: newEventStrategy(() => 1) } : found;
  const { kind, namespaced } = resource.definition;
  const metadata = {
    name: 'a',
    ...(namespaced ? { namespace: 'default' } : {}),
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  const whole = { apiVersion, kind, metadata, ...object };
  const [old, next] = [whole, changed(whole, changes)].map((value) => {
    const parsed = parseAs(resource.definition, value, { check: 'structure' });
    assert.equal(parsed.kind, 'object', JSON.stringify(parsed));
    return parsed.kind === 'object' ? parsed.object : assert.fail();
  });
  return updateProblems(resource, next as never, { old: old as never, context }).map(formatProblem);
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i', resources: {} }] } };
const selector = { matchLabels: { a: 'b' } };
const workload = { spec: { selector, template } };
const volume = { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } } };
const claim = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
const role = { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [] };
const time = '2026-01-01T00:00:00.000000Z';
const event = {
  eventTime: time,
  reportingController: 'a.io/c',
  reportingInstance: 'i',
  action: 'Do',
  reason: 'Did',
  type: 'Normal',
  regarding: { namespace: 'default', kind: 'Pod', name: 'p' },
};
const ownJob = {
  spec: { manualSelector: true, selector, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
};
const IMMUTABLE = 'field is immutable';

type Row = readonly [
  apiVersion: string,
  plural: string,
  object: object,
  changes: Readonly<Record<string, unknown>>,
  problems: readonly string[],
];
const ROWS: readonly Row[] = [
  [
    'v1',
    'nodes',
    { spec: { providerID: 'x' } },
    { 'spec.providerID': 'y' },
    ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid'],
  ],
  [
    'v1',
    'nodes',
    { spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'] } },
    { 'spec.podCIDRs': ['10.0.1.0/24'] },
    ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
  ],
  ['v1', 'nodes', {}, { 'spec.providerID': 'x', 'spec.podCIDRs': ['10.0.0.0/24'], 'spec.unschedulable': true }, []],
  [
    'v1',
    'configmaps',
    { immutable: true, data: { a: '1' } },
    { 'data.a': '2' },
    ['data: Forbidden: field is immutable when `immutable` is set'],
  ],
  ['v1', 'configmaps', { immutable: true }, { immutable: false }, ['immutable: Forbidden: field is immutable when `immutable` is set']],
  ['v1', 'configmaps', { data: { a: '1' } }, { 'data.a': '2', immutable: true }, []],
  ['v1', 'secrets', { type: 'Opaque' }, { type: 'other' }, [`type: Invalid value: "other": ${IMMUTABLE}`]],
  [
    'v1',
    'persistentvolumes',
    volume,
    { 'spec.hostPath.path': '/y' },
    ['spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation'],
  ],
  ['v1', 'persistentvolumes', volume, { 'spec.volumeMode': 'Block' }, [`volumeMode: Invalid value: "Block": ${IMMUTABLE}`]],
  ['v1', 'persistentvolumes', volume, { 'spec.persistentVolumeReclaimPolicy': 'Delete', 'spec.capacity.storage': '2Gi' }, []],
  [
    'v1',
    'persistentvolumeclaims',
    claim,
    { 'spec.accessModes': ['ReadOnlyMany'] },
    ['spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'],
  ],
  ['v1', 'persistentvolumeclaims', claim, { 'spec.volumeName': 'v' }, []],
  [
    'v1',
    'resourcequotas',
    { spec: { scopes: ['BestEffort'], hard: { pods: '1' } } },
    { 'spec.scopes': ['NotBestEffort'] },
    [`spec.scopes: Invalid value: ["NotBestEffort"]: ${IMMUTABLE}`],
  ],
  [
    'apps/v1',
    'deployments',
    workload,
    { 'spec.selector.matchLabels': { c: 'd' }, 'spec.template.metadata.labels': { c: 'd' } },
    [`spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: ${IMMUTABLE}`],
  ],
  ['apps/v1', 'deployments', workload, { 'spec.replicas': 3, 'spec.paused': true }, []],
  [
    'apps/v1',
    'replicasets',
    workload,
    { 'spec.selector.matchLabels': { c: 'd' }, 'spec.template.metadata.labels': { c: 'd' } },
    [`spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: ${IMMUTABLE}`],
  ],
  [
    'apps/v1',
    'daemonsets',
    workload,
    { 'spec.selector.matchLabels': { c: 'd' }, 'spec.template.metadata.labels': { c: 'd' } },
    [`spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: ${IMMUTABLE}`],
  ],
  [
    'apps/v1',
    'statefulsets',
    { spec: { selector, template, serviceName: 's' } },
    { 'spec.serviceName': 't' },
    [
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  ],
  ['apps/v1', 'statefulsets', { spec: { selector, template } }, { 'spec.replicas': 5 }, []],
  ['apps/v1', 'controllerrevisions', { data: { a: 1 }, revision: 1 }, { data: { a: 2 } }, [`data: Invalid value: {"a":2}: ${IMMUTABLE}`]],
  [
    'batch/v1',
    'jobs',
    { spec: { selector, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } }, completions: 1 } },
    { 'spec.completions': 2 },
    [`spec.completions: Invalid value: 2: ${IMMUTABLE}`],
  ],
  [
    'discovery.k8s.io/v1',
    'endpointslices',
    { addressType: 'IPv4', endpoints: [] },
    { addressType: 'IPv6' },
    [`addressType: Invalid value: "IPv6": ${IMMUTABLE}`],
  ],
  [
    'networking.k8s.io/v1',
    'ingressclasses',
    { spec: { controller: 'a.io/x' } },
    { 'spec.controller': 'a.io/y' },
    [`spec.controller: Invalid value: "a.io/y": ${IMMUTABLE}`],
  ],
  ['node.k8s.io/v1', 'runtimeclasses', { handler: 'a' }, { handler: 'b' }, [`handler: Invalid value: "b": ${IMMUTABLE}`]],
  ['scheduling.k8s.io/v1', 'priorityclasses', { value: 1 }, { value: 2 }, ['value: Forbidden: may not be changed in an update.']],
  ['scheduling.k8s.io/v1', 'priorityclasses', { value: 1 }, { description: 'x' }, []],
  [
    'storage.k8s.io/v1',
    'storageclasses',
    { provisioner: 'p' },
    { provisioner: 'q' },
    ['provisioner: Forbidden: updates to provisioner are forbidden.'],
  ],
  [
    'storage.k8s.io/v1',
    'storageclasses',
    { provisioner: 'p', parameters: { a: '1' } },
    { 'parameters.a': '2' },
    ['parameters: Forbidden: updates to parameters are forbidden.'],
  ],
  [
    'storage.k8s.io/v1',
    'csinodes',
    { spec: { drivers: [{ name: 'd', nodeID: '1' }] } },
    { 'spec.drivers': [{ name: 'd', nodeID: '2' }] },
    [`CSINodeDriver: Invalid value: {"name":"d","nodeID":"2"}: ${IMMUTABLE}`],
  ],
  ['storage.k8s.io/v1', 'csinodes', { spec: { drivers: [{ name: 'd', nodeID: '1' }] } }, { 'spec.drivers': [] }, []],
  [
    'storage.k8s.io/v1',
    'csistoragecapacities',
    { storageClassName: 'a' },
    { storageClassName: 'b' },
    [`storageClassName: Invalid value: "b": ${IMMUTABLE}`],
  ],
  [
    'storage.k8s.io/v1',
    'volumeattributesclasses',
    { driverName: 'd', parameters: { a: 'b' } },
    { driverName: 'e' },
    ['driverName: Forbidden: updates to driverName are forbidden.'],
  ],
  [
    'rbac.authorization.k8s.io/v1',
    'rolebindings',
    role,
    { 'roleRef.name': 'edit' },
    ['roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}: cannot change roleRef'],
  ],
  ['events.k8s.io/v1', 'events', event, { reason: 'Other' }, [`reason: Invalid value: "Other": ${IMMUTABLE}`]],
  ['events.k8s.io/v1', 'events', event, { series: { count: 2, lastObservedTime: time } }, []],
  ['batch/v1', 'jobs', ownJob, { 'spec.completions': 3 }, [`spec.completions: Invalid value: 3: ${IMMUTABLE}`]],
  ['v1', 'serviceaccounts', {}, { 'metadata.uid': 'other' }, ['metadata.uid: Invalid value: "other": field is immutable']],
];

for (const [apiVersion, plural, object, changes, problems] of ROWS) {
  test(`${plural}: ${JSON.stringify(changes)} ${problems.length === 0 ? 'is let through' : 'is refused'}`, () => {
    assert.deepEqual(problemsOf(apiVersion, plural, object, changes), problems);
  });
}
