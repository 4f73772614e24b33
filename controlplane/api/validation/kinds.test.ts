/** The rules of the kinds beside pods, services and workloads: one row, one sentence, upstream's words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinScheme } from '#api/definitions/all.ts';
import { parseObject } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';

const scheme = builtinScheme();

function told(apiVersion: string, kind: string, value: object): readonly string[] {
  const found = parseObject({ apiVersion, kind, metadata: { name: 'web', namespace: 'default' }, ...value }, { scheme });
  return found.kind === 'object' ? [] : found.problems.map(formatProblem);
}

const cluster = { metadata: { name: 'web' } };
const RBAC = 'rbac.authorization.k8s.io/v1';
const role = (...rules: object[]): readonly string[] => told(RBAC, 'Role', { rules });
const clusterRole = (value: object): readonly string[] => told(RBAC, 'ClusterRole', { ...cluster, ...value });
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
const binding = (value: object): readonly string[] => told(RBAC, 'RoleBinding', { roleRef, ...value });
const clusterBinding = (value: object): readonly string[] =>
  told(RBAC, 'ClusterRoleBinding', { ...cluster, roleRef: { ...roleRef, kind: 'ClusterRole' }, ...value });

const NET = 'networking.k8s.io/v1';
const backend = { service: { name: 'web', port: { number: 80 } } };
const ingress = (spec: object): readonly string[] => told(NET, 'Ingress', { spec });
const path = (value: object): readonly string[] =>
  ingress({ rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...value }] } }] });
const ingressClass = (spec: object): readonly string[] =>
  told(NET, 'IngressClass', { ...cluster, spec: { controller: 'acme.io/x', ...spec } });
const policy = (spec: object): readonly string[] => told(NET, 'NetworkPolicy', { spec: { podSelector: {}, ...spec } });
const peer = (value: object): readonly string[] => policy({ ingress: [{ from: [value] }] });
const port = (value: object): readonly string[] => policy({ egress: [{ ports: [value] }] });
const AT_PATH = 'spec.rules[0].http.paths[0]';

const autoscaler = (spec: object): readonly string[] =>
  told('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, maxReplicas: 3, ...spec },
  });
const metric = (value: object): readonly string[] => autoscaler({ metrics: [value] });
const budget = (spec: object): readonly string[] => told('policy/v1', 'PodDisruptionBudget', { spec });
const quota = (spec: object): readonly string[] => told('v1', 'ResourceQuota', { spec });
const limits = (...items: object[]): readonly string[] => told('v1', 'LimitRange', { spec: { limits: items } });
const priority = (name: string, value: number): readonly string[] =>
  told('scheduling.k8s.io/v1', 'PriorityClass', { metadata: { name }, value });
const lease = (spec: object): readonly string[] => told('coordination.k8s.io/v1', 'Lease', { spec });
const storageClass = (value: object): readonly string[] =>
  told('storage.k8s.io/v1', 'StorageClass', { ...cluster, provisioner: 'x', ...value });
const attachment = (spec: object): readonly string[] =>
  told('storage.k8s.io/v1', 'VolumeAttachment', { ...cluster, spec: { attacher: 'a', nodeName: 'n', ...spec } });
const request = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n').toString('base64');
const csr = (spec: object): readonly string[] =>
  told('certificates.k8s.io/v1', 'CertificateSigningRequest', {
    ...cluster,
    spec: { request, signerName: 'acme.io/x', usages: ['client auth'], ...spec },
  });
const cidrs = (...list: string[]): readonly string[] => told(NET, 'ServiceCIDR', { ...cluster, spec: { cidrs: list } });
const address = (name: string): readonly string[] =>
  told(NET, 'IPAddress', { metadata: { name }, spec: { parentRef: { resource: 'services', name: 'web', namespace: 'default' } } });
const EVENTS = 'events.k8s.io/v1';
const about = { kind: 'Pod', namespace: 'default', name: 'a' };
const newEvent = (value: object): object => ({
  eventTime: '2026-01-01T00:00:00.000000Z',
  ...(Object.hasOwn(value, 'regarding') ? { reportingController: 'acme.io/x' } : {}),
  reportingInstance: 'x-1',
  action: 'Look',
  reason: 'Seen',
  type: 'Normal',
  ...value,
});
const node = (value: object): readonly string[] => told('v1', 'Node', { ...cluster, ...value });
const event = (involvedObject: object): readonly string[] => told('v1', 'Event', { involvedObject });
const RESERVED = "Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";

const ROWS: readonly (readonly [what: string, found: readonly string[], problems: readonly string[]])[] = [
  ['a role', role({ verbs: ['get'], apiGroups: [''], resources: ['pods'] }), []],
  [
    'a rule that allows nothing',
    role({ verbs: [], apiGroups: [''], resources: ['pods'] }),
    ['rules[0].verbs: Required value: verbs must contain at least one value'],
  ],
  [
    'a rule about nothing',
    role({ verbs: ['get'] }),
    [
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[0].resources: Required value: resource rules must supply at least one resource',
    ],
  ],
  [
    'paths in a namespace',
    role({ verbs: ['get'], nonResourceURLs: ['/x'] }),
    ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
  ],
  [
    'paths and resources in one rule',
    clusterRole({ rules: [{ verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] }] }),
    ['rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs'],
  ],
  [
    'an aggregation of nothing',
    clusterRole({ aggregationRule: {} }),
    ['aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil'],
  ],
  [
    'a name that is a path',
    told(RBAC, 'ClusterRole', { metadata: { name: 'a/b' } }),
    ['metadata.name: Invalid value: "a/b": may not contain \'/\''],
  ],
  ['a colon in the name of a role is fine', told(RBAC, 'ClusterRole', { metadata: { name: 'system:x' } }), []],
  [
    'a binding',
    binding({
      subjects: [
        { kind: 'User', name: 'jane' },
        { kind: 'ServiceAccount', name: 'sa' },
      ],
    }),
    [],
  ],
  [
    'a binding to another group',
    binding({ roleRef: { ...roleRef, apiGroup: 'x' } }),
    ['roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"'],
  ],
  [
    'a binding to no role',
    binding({ roleRef: { ...roleRef, kind: 'Pod', name: '' } }),
    ['roleRef.kind: Unsupported value: "Pod": supported values: "ClusterRole", "Role"', 'roleRef.name: Required value'],
  ],
  [
    'a role for the whole cluster',
    clusterBinding({ roleRef }),
    ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
  ],
  [
    'an account without a namespace',
    clusterBinding({ subjects: [{ kind: 'ServiceAccount', name: 'sa' }] }),
    ['subjects[0].namespace: Required value'],
  ],
  [
    'a subject of no kind',
    binding({ subjects: [{ kind: 'Cat', name: 'tom' }] }),
    ['subjects[0].kind: Unsupported value: "Cat": supported values: "Group", "ServiceAccount", "User"'],
  ],

  ['an ingress', path({}), []],
  ['an ingress that leads nowhere', ingress({}), ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
  [
    'an address for a host',
    ingress({ defaultBackend: backend, rules: [{ host: '10.0.0.1' }] }),
    ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
  ],
  ['a relative path', path({ path: 'x' }), [`${AT_PATH}.path: Invalid value: "x": must be an absolute path`]],
  ['a path with an empty part', path({ path: '/a//b' }), [`${AT_PATH}.path: Invalid value: "/a//b": must not contain '//'`]],
  ['a path that goes up', path({ path: '/a/..' }), [`${AT_PATH}.path: Invalid value: "/a/..": cannot end with '/..'`]],
  [
    'two backends',
    path({ backend: { ...backend, resource: { apiGroup: 'x.io', kind: 'K', name: 'n' } } }),
    [`${AT_PATH}.backend: Invalid value: "": cannot set both resource and service backends`],
  ],
  ['no backend', path({ backend: {} }), [`${AT_PATH}.backend: Required value: resource or service backend is required`]],
  ['no port', path({ backend: { service: { name: 'web' } } }), [`${AT_PATH}.backend: Required value: port name or number is required`]],
  [
    'two ports',
    path({ backend: { service: { name: 'web', port: { name: 'http', number: 80 } } } }),
    [`${AT_PATH}.backend: Invalid value: "": cannot set both port name & port number`],
  ],
  ['no paths', ingress({ rules: [{ http: { paths: [] } }] }), ['spec.rules[0].http.paths: Required value']],
  ['a class', ingressClass({}), []],
  [
    'a controller without a domain',
    ingressClass({ controller: 'nginx' }),
    ['spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'parameters in a namespace',
    ingressClass({ parameters: { kind: 'K', name: 'n', scope: 'Namespace' } }),
    ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
  ],
  [
    'parameters of the cluster',
    ingressClass({ parameters: { kind: 'K', name: 'n', scope: 'Cluster', namespace: 'x' } }),
    ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
  ],

  ['a network policy', policy({ ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80, endPort: 90 }] }] }), []],
  ['a peer that is nobody', peer({}), ['spec.ingress[0].from[0]: Required value: must specify a peer']],
  [
    'a peer of two kinds',
    peer({ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }),
    ['spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer'],
  ],
  [
    'an exception outside',
    peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }),
    ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`'],
  ],
  [
    'ports that end before they begin',
    port({ port: 90, endPort: 80 }),
    ['spec.egress[0].ports[0].endPort: Invalid value: 90: must be greater than or equal to `port`'],
  ],
  [
    'an end without a beginning',
    port({ endPort: 80 }),
    ['spec.egress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified'],
  ],
  [
    'a range of names',
    port({ port: 'http', endPort: 80 }),
    ['spec.egress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric'],
  ],
  ['ranges of services', cidrs('10.0.0.0/24', 'fd00::/112'), []],
  ['no range', cidrs(), ['spec.cidrs: Required value: at least one CIDR required']],
  [
    'two ranges of one family',
    cidrs('10.0.0.0/24', '10.1.0.0/24'),
    [
      'spec.cidrs: Invalid value: {"cidrs":["10.0.0.0/24","10.1.0.0/24"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
    ],
  ],
  ['an address', address('10.0.0.1'), []],
  [
    'an address that has a shorter form',
    address('fd00::0:1'),
    ['metadata.name: Invalid value: "fd00::0:1": must be in canonical form ("fd00::1")'],
  ],

  ['an autoscaler', autoscaler({}), []],
  [
    'no replicas at most',
    autoscaler({ maxReplicas: 0 }),
    [
      'spec.maxReplicas: Invalid value: 0: must be greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ],
  [
    'fewer at least than at most',
    autoscaler({ minReplicas: 5 }),
    ['spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`'],
  ],
  [
    'no target',
    autoscaler({ scaleTargetRef: { kind: '', name: '' } }),
    ['spec.scaleTargetRef.kind: Required value', 'spec.scaleTargetRef.name: Required value'],
  ],
  [
    'a metric without its source',
    metric({ type: 'Resource' }),
    ['spec.metrics[0].resource: Required value: must populate information for the given metric source'],
  ],
  [
    'a resource without a target',
    metric({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }),
    ['spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization'],
  ],
  [
    'a policy of nothing',
    autoscaler({ behavior: { scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 1801 }] } } }),
    [
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
    ],
  ],
  ['a budget', budget({ minAvailable: '50%', selector: { matchLabels: { a: 'b' } } }), []],
  [
    'a budget of two minds',
    budget({ minAvailable: 1, maxUnavailable: 1 }),
    ['spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set'],
  ],
  ['more than all', budget({ maxUnavailable: '101%' }), ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%']],
  ['less than none', budget({ minAvailable: -1 }), ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0']],

  ['a quota', quota({ hard: { pods: '10', 'requests.cpu': '1', 'count/deployments.apps': '3' } }), []],
  [
    'a quota of something unknown',
    quota({ hard: { cats: '1' } }),
    ['spec.hard[cats]: Invalid value: "cats": must be a standard resource for quota'],
  ],
  ['half a pod', quota({ hard: { pods: '500m' } }), ['spec.hard[pods]: Invalid value: "500m": must be an integer']],
  ['less than no pods', quota({ hard: { pods: '-1' } }), ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0']],
  [
    'scopes that exclude each other',
    quota({ hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort'] }),
    ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
  ],
  [
    'a scope that has no cpu to count',
    quota({ hard: { cpu: '1' }, scopes: ['BestEffort'] }),
    ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
  ],
  ['limits', limits({ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' }, default: { cpu: '1' } }), []],
  [
    'a minimum above the maximum',
    limits({ type: 'Pod', max: { cpu: '1' }, min: { cpu: '2' } }),
    ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
  ],
  [
    'defaults of a pod',
    limits({ type: 'Pod', default: { cpu: '1' } }),
    ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
  ],
  ['one kind twice', limits({ type: 'Pod' }, { type: 'Pod' }), ['spec.limits[1].type: Duplicate value: "Pod"']],
  [
    'a default above the maximum',
    limits({ type: 'Container', max: { cpu: '1' }, default: { cpu: '2' } }),
    [
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": default value 2 is greater than max value 1',
    ],
  ],

  ['a priority', priority('high', 1_000_000_000), []],
  [
    'a priority above all users',
    priority('high', 1_000_000_001),
    ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  ],
  ['a priority of the system', priority('system-x', 1), [`metadata.name: ${RESERVED}system-x is not a known system priority class`]],
  [
    'a known one with another value',
    priority('system-node-critical', 1),
    [`metadata.name: ${RESERVED}value of system-node-critical PriorityClass must be 2000001000`],
  ],
  ['a lease', lease({ leaseDurationSeconds: 15 }), []],
  [
    'a lease for no time',
    lease({ leaseDurationSeconds: 0, leaseTransitions: -1 }),
    [
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
      'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
  [
    'a revision of nothing',
    told('apps/v1', 'ControllerRevision', { revision: -1 }),
    ['data: Required value: data is mandatory', 'revision: Invalid value: -1: must be greater than or equal to 0'],
  ],
  ['an event', event({ kind: 'Pod', namespace: 'default', name: 'a' }), []],
  [
    'an event of another namespace',
    event({ kind: 'Pod', namespace: 'other', name: 'a' }),
    ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
  ],

  ['a storage class', storageClass({ parameters: { type: 'ssd' } }), []],
  ['nobody provides it', storageClass({ provisioner: '' }), ['provisioner: Required value']],
  ['an attachment', attachment({ source: { persistentVolumeName: 'v' } }), []],
  [
    'an attachment of nothing',
    attachment({ source: {} }),
    ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
  ],
  [
    'a driver that asks for one token twice',
    told('storage.k8s.io/v1', 'CSIDriver', {
      ...cluster,
      spec: { tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 60 }] },
    }),
    [
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
      'spec.tokenRequests[1].expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    ],
  ],
  [
    'attributes of nothing',
    told('storage.k8s.io/v1', 'VolumeAttributesClass', { ...cluster, driverName: 'd' }),
    ['parameters: Required value: must contain at least one key/value pair'],
  ],

  [
    'an event of the new kind in core',
    told('v1', 'Event', { ...newEvent({}), involvedObject: about, reportingComponent: 'acme.io/x' }),
    [],
  ],
  [
    'an event of the new kind that says too little',
    told('v1', 'Event', { involvedObject: about, eventTime: '2026-01-01T00:00:00.000000Z' }),
    [
      'reportingController: Required value',
      'reportingController: Invalid value: "": name part must be non-empty',
      `reportingController: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'reportingInstance: Required value',
      'action: Required value',
      'reason: Required value',
    ],
  ],
  ['an event of events.k8s.io', told(EVENTS, 'Event', newEvent({ regarding: about })), []],
  [
    'an event of events.k8s.io in the old way',
    told(EVENTS, 'Event', newEvent({ regarding: about, type: 'Loud', deprecatedCount: 2, deprecatedSource: { component: 'x' } })),
    [
      'type: Invalid value: "": has invalid value: Loud',
      'count: Invalid value: "": needs to be unset',
      'source: Invalid value: "": needs to be unset',
    ],
  ],
  [
    'a series of one, and a note that is too long',
    told(
      EVENTS,
      'Event',
      newEvent({ regarding: about, note: 'x'.repeat(1_025), series: { count: 1, lastObservedTime: '2026-01-01T00:00:00.000000Z' } }),
    ),
    ['message: Invalid value: "": can have at most 1024 characters', 'series.count: Invalid value: "": should be at least 2'],
  ],

  ['a node', node({ spec: { taints: [{ key: 'a', effect: 'NoSchedule' }], podCIDRs: ['10.0.0.0/24', 'fd00::/64'] } }), []],
  [
    'a node with the same taint twice',
    node({ spec: { taints: [1, 2].map(() => ({ key: 'a', value: 'v', effect: 'NoExecute' })) } }),
    ['metadata.taints[1]: Duplicate value: {"key":"a","value":"v","effect":"NoExecute"}: taints must be unique by key and effect pair'],
  ],
  [
    'a node with two ranges of one family',
    node({ spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] } }),
    ['spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family'],
  ],
  [
    'a node with a range that is none',
    node({ spec: { podCIDRs: ['10.0.0.0'] } }),
    ['spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ],
  [
    'a node that has less than nothing',
    node({ status: { capacity: { memory: '-1Gi', pods: '1500m' } } }),
    [
      'status.capacity[memory]: Invalid value: "-1Gi": must be greater than or equal to 0',
      'status.capacity[pods]: Invalid value: "1500m": must be an integer',
      // What pods can have is what there is, unless it is said.
      'status.allocatable[memory]: Invalid value: "-1Gi": must be greater than or equal to 0',
      'status.allocatable[pods]: Invalid value: "1500m": must be an integer',
    ],
  ],
  [
    'a template of pods without containers',
    told('v1', 'PodTemplate', { template: { spec: { containers: [] } } }),
    ['template.spec.containers: Required value'],
  ],

  ['a signing request', csr({}), []],
  ['no request', csr({ request: 'AAAA' }), ['spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST']],
  ['no use', csr({ usages: [] }), ['spec.usages: Required value']],
  ['a use twice', csr({ usages: ['client auth', 'client auth'] }), ['spec.usages[1]: Duplicate value: "client auth"']],
  [
    'a signer without a domain',
    csr({ signerName: 'me' }),
    ['spec.signerName: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
  [
    'a life too short',
    csr({ expirationSeconds: 599 }),
    ['spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)'],
  ],
];

for (const [what, found, problems] of ROWS) test(what, () => assert.deepEqual(found, problems));
