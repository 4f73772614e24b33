import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinScheme } from '#api/definitions/all.ts';
import { parseObject } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';

const scheme = builtinScheme();

function parsed(apiVersion: string, kind: string, value: object): ReturnType<typeof parseObject> {
  return parseObject({ apiVersion, kind, metadata: { name: 'web', namespace: 'default' }, ...value }, { scheme });
}
function told(apiVersion: string, kind: string, value: object): readonly string[] {
  const found = parsed(apiVersion, kind, value);
  return found.kind === 'object' ? [] : found.problems.map(formatProblem);
}
function defaulted(apiVersion: string, kind: string, value: object): Record<string, unknown> {
  const found = parsed(apiVersion, kind, value);
  assert.ok(found.kind === 'object', JSON.stringify(found));
  return found.object as unknown as Record<string, unknown>;
}

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'x' }] } };
const selector = { matchLabels: { app: 'web' } };
const workload = (kind: string, spec: object): readonly string[] => told('apps/v1', kind, { spec: { selector, template, ...spec } });
const mounting = (name: string): object => ({
  ...template,
  spec: { containers: [{ name: 'a', image: 'x', volumeMounts: [{ name, mountPath: '/data' }] }] },
});
const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const job = (spec: object): readonly string[] => told('batch/v1', 'Job', { spec: { template: once, ...spec } });
const cronJob = (spec: object): readonly string[] =>
  told('batch/v1', 'CronJob', { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: once } }, ...spec } });
const ofVolume = (spec: object): readonly string[] =>
  told('v1', 'PersistentVolume', {
    metadata: { name: 'v' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
  });
const claim = (spec: object): readonly string[] => told('v1', 'PersistentVolumeClaim', { spec });

const ROWS: [what: string, found: readonly string[], problems: string[]][] = [
  ['a good deployment', workload('Deployment', {}), []],
  [
    'no template',
    told('apps/v1', 'Deployment', { spec: { selector } }),
    [
      'spec.template.spec.containers: Required value',
      'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
    ],
  ],
  ['no selector', told('apps/v1', 'Deployment', { spec: { template } }), ['spec.selector: Required value']],
  [
    'an empty selector',
    workload('Deployment', { selector: {} }),
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    'a selector that finds nothing',
    workload('Deployment', { selector: { matchLabels: { app: 'db' } } }),
    ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  ],
  [
    'a selector with an unknown operator',
    workload('Deployment', { selector: { matchExpressions: [{ key: 'app', operator: 'Like' }] } }),
    ['spec.selector.matchExpressions[0].operator: Unsupported value: "Like": supported values: "DoesNotExist", "Exists", "In", "NotIn"'],
  ],
  [
    'a template that ends',
    workload('Deployment', { template: once }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'a bad template',
    workload('DaemonSet', { template: { ...template, spec: { containers: [{ name: 'A', image: 'x' }] } } }).map((t) => t.slice(0, 60)),
    ['spec.template.spec.containers[0].name: Invalid value: "A": a'],
  ],
  ['negative replicas', workload('ReplicaSet', { replicas: -1 }), ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
  [
    'a deployment that cannot move',
    workload('Deployment', { strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
  ],
  [
    'more than all',
    workload('Deployment', { strategy: { rollingUpdate: { maxUnavailable: '101%' } } }),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
  ],
  [
    'recreate',
    workload('Deployment', { strategy: { type: 'Recreate', rollingUpdate: {} } }),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'a deadline before ready',
    workload('Deployment', { minReadySeconds: 600 }),
    ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
  ],
  [
    'a daemon set that surges and shrinks',
    workload('DaemonSet', { updateStrategy: { rollingUpdate: { maxSurge: 1 } } }),
    ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
  ],
  [
    'a stateful set',
    workload('StatefulSet', { ordinals: { start: -1 } }),
    ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a stateful set whose containers mount its claims',
    workload('StatefulSet', { template: mounting('data'), volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] }),
    [],
  ],
  [
    '... and a volume that is no claim',
    workload('StatefulSet', { template: mounting('other'), volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] }),
    ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "other"'],
  ],
  ['a job', job({}), []],
  [
    'a job that restarts always',
    job({ template }),
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  ['an indexed job', job({ completionMode: 'Indexed' }), []],
  ['limits per index', job({ backoffLimitPerIndex: 1 }), ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode']],
  [
    'a failure policy',
    job({ podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [0] } }, { action: 'Ignore' }] } }),
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[1]: Invalid value: "": specifying one of OnExitCodes and OnPodConditions is required',
    ],
  ],
  [
    'failed indexes without a limit for each',
    job({ completionMode: 'Indexed', completions: 2, maxFailedIndexes: 3 }),
    [
      'spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions',
      'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    ],
  ],
  [
    'failed indexes of a job without any',
    job({ backoffLimitPerIndex: 1, maxFailedIndexes: 3 }),
    [
      'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
      'spec.maxFailedIndexes: Invalid value: 3: requires indexed completion mode',
    ],
  ],
  ['a selector of its own that is missing', job({ manualSelector: true }), ['spec.selector: Required value']],
  [
    'a selector that does not find the pods of a job',
    job({ manualSelector: true, selector: { matchLabels: { app: 'db' } } }),
    ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  ],
  ['a cron job', cronJob({}), []],
  ['a zone', cronJob({ timeZone: 'Europe/Berlin' }), []],
  ['a zone nobody knows', cronJob({ timeZone: 'Nowhere/X' }), ['spec.timeZone: Invalid value: "Nowhere/X": unknown time zone Nowhere/X']],
  ['an offset as zone', cronJob({ timeZone: '+01:00' }), ['spec.timeZone: Invalid value: "+01:00": unknown time zone +01:00']],
  [
    'the zone of the machine',
    cronJob({ timeZone: 'Local' }),
    ['spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'],
  ],
  [
    'a cron job whose jobs choose their pods',
    cronJob({ jobTemplate: { spec: { template: once, manualSelector: true, selector } } }),
    [
      'spec.jobTemplate.spec.selector: Forbidden: `selector` will be auto-generated',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "false", "nil"',
    ],
  ],
  [
    'a surge that is no percentage',
    workload('Deployment', { strategy: { rollingUpdate: { maxSurge: 'x%' } } }).map((t) => t.slice(0, 81)),
    ['spec.strategy.rollingUpdate.maxSurge: Invalid value: "x%": a valid percent string'],
  ],
  ['a surge beyond all', workload('Deployment', { strategy: { rollingUpdate: { maxSurge: '150%' } } }), []],
  [
    'a way to update daemons that nobody knows',
    workload('DaemonSet', { updateStrategy: { type: 'X' } }),
    ['spec.updateStrategy.type: Unsupported value: "X": supported values: "OnDelete", "RollingUpdate"'],
  ],
  ['words for schedules', cronJob({ schedule: '@daily' }), []],
  [
    'a bad schedule',
    cronJob({ schedule: 'daily' }),
    ['spec.schedule: Invalid value: "daily": expected exactly 5 fields, found 1: [daily]'],
  ],
  [
    'a schedule with a zone',
    cronJob({ schedule: 'TZ=UTC * * * * *' }),
    ['spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
  ],
  ['a replication controller', told('v1', 'ReplicationController', { spec: { selector: { a: 'b' } } }), ['spec.template: Required value']],

  [
    'config map keys',
    told('v1', 'ConfigMap', { data: { 'a/b': '', ok: '' }, binaryData: { ok: '' } }).map((t) => t.slice(0, 70)),
    [
      'data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric ',
      'data[ok]: Invalid value: "ok": duplicate of key present in binaryData',
    ].map((t) => t.slice(0, 70)),
  ],
  [
    'a config map of more than a megabyte',
    told('v1', 'ConfigMap', { data: { a: 'x'.repeat(2 ** 20 + 1) } }),
    ['Too long: may not be more than 1048576 bytes'],
  ],
  ['a secret as large as it may be', told('v1', 'Secret', { data: { a: Buffer.alloc(2 ** 20).toString('base64') } }), []],
  ['a TLS secret', told('v1', 'Secret', { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'x' } }), ['data[tls.key]: Required value']],
  ['a namespace in a namespace', told('v1', 'Namespace', {}), ['metadata.namespace: Forbidden: not allowed on this type']],
  ['role names', told('rbac.authorization.k8s.io/v1', 'ClusterRole', { metadata: { name: 'system:node' } }), []],
  [
    'a node name',
    told('v1', 'Node', { metadata: { name: 'Node' } }).map((t) => t.slice(0, 40)),
    ['metadata.name: Invalid value: "Node": a '],
  ],

  ['a volume', ofVolume({ nfs: { server: 's', path: '/' } }), []],
  ['a volume without a source', ofVolume({}), ['spec: Required value: must specify a volume type']],
  ['a local volume', ofVolume({ local: { path: '/x' } }), ['spec.nodeAffinity: Required value: Local volume requires node affinity']],
  ['no capacity', ofVolume({ capacity: {}, hostPath: { path: '/x' } }), ['spec.capacity: Required value']],
  ['a claim', claim({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }), []],
  [
    'an empty claim',
    claim({}),
    ['spec.accessModes: Required value: at least 1 access mode is required', 'spec.resources[storage]: Required value'],
  ],
];

for (const [what, found, problems] of ROWS) test(`workload rules: ${what}`, () => assert.deepEqual(found, problems));

test('defaults of workloads are those of upstream', () => {
  const {
    template: _deployed,
    selector: _s,
    ...deployment
  } = defaulted('apps/v1', 'Deployment', { spec: { selector, template } })['spec'] as Record<string, unknown>;
  assert.deepEqual(deployment, {
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
  const { template: _run, ...spec } = defaulted('batch/v1', 'Job', { spec: { template: once } })['spec'] as Record<string, unknown>;
  assert.deepEqual(spec, {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
  });
  const set = defaulted('apps/v1', 'StatefulSet', { spec: { selector, template } })['spec'] as Record<string, unknown>;
  assert.deepEqual(set['persistentVolumeClaimRetentionPolicy'], { whenDeleted: 'Retain', whenScaled: 'Retain' });
  assert.deepEqual(set['updateStrategy'], { type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
  const policy = defaulted('networking.k8s.io/v1', 'NetworkPolicy', { spec: { podSelector: {}, egress: [{}] } })['spec'] as Record<
    string,
    unknown
  >;
  assert.deepEqual(policy['policyTypes'], ['Ingress', 'Egress']);
  const binding = defaulted('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: { kind: 'Role', name: 'r' },
    subjects: [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', name: 's', namespace: 'n' },
    ],
  });
  assert.deepEqual(binding['roleRef'], { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' });
  assert.deepEqual(
    (binding['subjects'] as { apiGroup?: string }[]).map((s) => s.apiGroup),
    ['rbac.authorization.k8s.io', undefined],
  );
  const scaler = defaulted('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3 },
  })['spec'] as Record<string, unknown>;
  assert.deepEqual(scaler['metrics'], [
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
  ]);
});
