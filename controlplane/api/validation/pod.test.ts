import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKind } from '#api/definitions/pod.ts';
import { Pod } from '#api/kinds/core/pod.ts';
import { parseAs } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

function problemsOf(pod: unknown): readonly string[] {
  const parsed = parseAs(podKind, pod);
  return parsed.kind === 'object' ? [] : parsed.problems.map(formatProblem);
}
const ofSpec = (spec: object): readonly string[] =>
  problemsOf({ metadata: { name: 'web', namespace: 'default' }, spec: { containers: [{ name: 'a', image: 'x' }], ...spec } });
const ofContainer = (over: object, spec: object = {}): readonly string[] =>
  ofSpec({ containers: [{ name: 'a', image: 'x', ...over }], ...spec });
const ofVolume = (source: object): readonly string[] => ofSpec({ volumes: [{ name: 'v', ...source }] });
const ofMetadata = (metadata: object): readonly string[] =>
  problemsOf({ metadata: { name: 'web', namespace: 'default', ...metadata }, spec: { containers: [{ name: 'a', image: 'x' }] } });

const data = {
  volumes: [{ name: 'data' }, { name: 'disk', persistentVolumeClaim: { claimName: 'c' } }, { name: 'img', image: { reference: 'y' } }],
};
const mounts = (...volumeMounts: object[]): readonly string[] => ofContainer({ volumeMounts }, data);
const devices = (...volumeDevices: object[]): readonly string[] => ofContainer({ volumeDevices }, data);
const limits = (resources: object): readonly string[] => ofContainer({ resources });
const env = (...variables: object[]): readonly string[] => ofContainer({ env: variables });
const C = 'spec.containers[0]';

const ROWS: [what: string, found: readonly string[], problems: string[]][] = [
  ['a good pod', ofSpec({}), []],
  ['no spec', problemsOf({ metadata: { name: 'a', namespace: 'b' } }), ['spec.containers: Required value']],
  ['no containers', ofSpec({ containers: [] }), ['spec.containers: Required value']],
  [
    'no metadata',
    problemsOf({ spec: { containers: [{ name: 'a', image: 'x' }] } }),
    ['metadata.name: Required value: name or generateName is required', 'metadata.namespace: Required value'],
  ],
  ['a bad namespace', ofMetadata({ namespace: 'A' }), [`metadata.namespace: Invalid value: "A": ${LABEL_RULE}`]],
  [
    'a label value',
    ofMetadata({ labels: { a: 'b c' } }),
    [
      "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
  ],
  ['annotations as large as they may be', ofMetadata({ annotations: { a: 'x'.repeat(256 * 1024 - 1) } }), []],
  [
    'annotations too large',
    ofMetadata({ annotations: { a: 'x'.repeat(256 * 1024) } }),
    ['metadata.annotations: Too long: may not be more than 262144 bytes'],
  ],
  [
    'a finalizer',
    ofMetadata({ finalizers: ['mine'] }),
    ['metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'],
  ],
  [
    'two controllers',
    ofMetadata({ ownerReferences: ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Node', name, uid: name, controller: true })) }).map(
      (t) => t.replace(/\[.*\]/, '[]'),
    ),
    [
      'metadata.ownerReferences: Invalid value: []: Only one reference can have Controller set to true. Found "true" in references for Node/a and Node/b',
    ],
  ],

  ['container names', ofSpec({ containers: [{ name: 'A', image: 'x' }] }), [`${C}.name: Invalid value: "A": ${LABEL_RULE}`]],
  [
    'container names twice',
    ofSpec({
      containers: [
        { name: 'a', image: 'x' },
        { name: 'a', image: 'x' },
      ],
    }),
    ['spec.containers[1].name: Duplicate value: "a"'],
  ],
  [
    'the same name in init containers',
    ofSpec({ initContainers: [{ name: 'a', image: 'x' }] }),
    ['spec.initContainers[0].name: Duplicate value: "a"'],
  ],
  ['no image', ofSpec({ containers: [{ name: 'a' }] }), [`${C}.image: Required value`]],
  [
    'an image with spaces around',
    ofContainer({ image: ' x' }),
    [`${C}.image: Invalid value: " x": must not have leading or trailing whitespace`],
  ],
  [
    'ephemeral containers',
    ofSpec({ ephemeralContainers: [{ name: 'e', image: 'x', ports: [{ containerPort: 1 }], targetContainerName: 'z' }] }),
    [
      'spec.ephemeralContainers[0].targetContainerName: Not found: "z"',
      'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    ],
  ],
  [
    'probes of an init container',
    ofSpec({ initContainers: [{ name: 'i', image: 'x', readinessProbe: { exec: { command: ['a'] } } }] }),
    ['spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
  ],
  [
    'probes of a sidecar',
    ofSpec({ initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Always', readinessProbe: { exec: { command: ['a'] } } }] }),
    [],
  ],

  [
    'port numbers',
    ofContainer({ ports: [{ containerPort: 0 }, { containerPort: 65_536 }, { containerPort: 1, hostPort: -1 }] }),
    [
      `${C}.ports[0].containerPort: Required value`,
      `${C}.ports[1].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive`,
      `${C}.ports[2].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive`,
    ],
  ],
  [
    'port names',
    ofContainer({
      ports: [
        { containerPort: 1, name: 'web' },
        { containerPort: 2, name: 'web' },
        { containerPort: 3, name: '80' },
      ],
    }),
    [`${C}.ports[1].name: Duplicate value: "web"`, `${C}.ports[2].name: Invalid value: "80": must contain at least one letter (a-z)`],
  ],
  [
    'a protocol',
    ofContainer({ ports: [{ containerPort: 1, protocol: 'tcp' }] }),
    [`${C}.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"`],
  ],
  [
    'host ports twice, across containers',
    ofSpec({ containers: ['a', 'b'].map((name) => ({ name, image: 'x', ports: [{ containerPort: 80, hostPort: 80 }] })) }),
    ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//80"'],
  ],
  [
    'host ports with another protocol',
    ofContainer({
      ports: [
        { containerPort: 53, hostPort: 53 },
        { containerPort: 53, hostPort: 53, protocol: 'UDP' },
      ],
    }),
    [],
  ],
  [
    'host network',
    ofContainer({ ports: [{ containerPort: 80, hostPort: 81 }] }, { hostNetwork: true }),
    [`${C}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`],
  ],

  [
    'environment names',
    env({ name: 'A=B' }, { name: '' }),
    [
      `${C}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
      `${C}.env[1].name: Required value`,
    ],
  ],
  [
    'two sources of a variable',
    env({ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' }, secretKeyRef: { name: 's', key: 'k' } } }),
    [`${C}.env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time`],
  ],
  [
    'value and source',
    env({ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }),
    [`${C}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`],
  ],
  [
    'no source',
    env({ name: 'A', valueFrom: {} }),
    [
      `${C}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
    ],
  ],
  [
    'fields of the pod',
    env(
      { name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } },
      { name: 'C', valueFrom: { fieldRef: { fieldPath: 'spec.containers' } } },
      { name: 'D', valueFrom: { fieldRef: { fieldPath: "spec['a']" } } },
    ),
    [
      `${C}.env[1].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"`,
      `${C}.env[2].valueFrom.fieldRef.fieldPath: Invalid value: "spec.containers": error converting fieldPath: field label not supported: spec.containers`,
      `${C}.env[3].valueFrom.fieldRef: Invalid value: "spec": does not support subscript`,
    ],
  ],
  [
    'resources of a container',
    env(
      { name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } },
      { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } },
    ),
    [
      `${C}.env[1].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
      `${C}.env[2].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"`,
    ],
  ],
  [
    'envFrom',
    ofContainer({ envFrom: [{ configMapRef: { name: 'm' } }, {}] }),
    [`${C}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``],
  ],

  ['a mount without its volume', mounts({ name: 'nope', mountPath: '/x' }), [`${C}.volumeMounts[0].name: Not found: "nope"`]],
  [
    'two mounts in one place',
    mounts({ name: 'data', mountPath: '/x' }, { name: 'disk', mountPath: '/x' }),
    [`${C}.volumeMounts[1].mountPath: Invalid value: "/x": must be unique`],
  ],
  [
    'subPath upwards',
    mounts({ name: 'data', mountPath: '/x', subPath: 'a/../../b' }),
    [`${C}.volumeMounts[0].subPath: Invalid value: "a/../../b": must not contain '..'`],
  ],
  [
    'subPath absolute',
    mounts({ name: 'data', mountPath: '/x', subPath: '/b' }),
    [`${C}.volumeMounts[0].subPath: Invalid value: "/b": must be a relative path`],
  ],
  [
    'both sub paths',
    mounts({ name: 'data', mountPath: '/x', subPath: 'a', subPathExpr: 'b' }),
    [`${C}.volumeMounts[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive`],
  ],
  [
    'a sub path of an image',
    mounts({ name: 'img', mountPath: '/x', subPath: 'a' }),
    [`${C}.volumeMounts[0].subPath: Invalid value: "a": not allowed in image volume sources`],
  ],
  [
    'mounts that reach the host',
    mounts({ name: 'data', mountPath: '/x', mountPropagation: 'Bidirectional' }),
    [`${C}.volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`],
  ],
  [
    'recursively read-only',
    mounts({ name: 'data', mountPath: '/x', recursiveReadOnly: 'Enabled' }),
    [`${C}.volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true`],
  ],
  ['a device', devices({ name: 'disk', devicePath: '/dev/x' }), []],
  [
    'a device that is no disk',
    devices({ name: 'data', devicePath: '/dev/x' }, { name: 'none', devicePath: '/dev/x' }),
    [
      `${C}.volumeDevices[0].name: Invalid value: "data": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`,
      `${C}.volumeDevices[1].name: Not found: "none"`,
      `${C}.volumeDevices[1].devicePath: Invalid value: "/dev/x": must be unique`,
    ],
  ],

  [
    'two sources of a volume',
    ofVolume({ emptyDir: {}, hostPath: { path: '/x' } }),
    ['spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'volume names',
    ofSpec({ volumes: [{ name: 'v' }, { name: 'v' }, { name: 'V_' }] }),
    ['spec.volumes[1].name: Duplicate value: "v"', `spec.volumes[2].name: Invalid value: "V_": ${LABEL_RULE}`],
  ],
  [
    'a host path upwards',
    ofVolume({ hostPath: { path: '/a/../b' } }),
    ['spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\''],
  ],
  [
    'a type of host path',
    ofVolume({ hostPath: { path: '/a', type: 'Folder' } }),
    [
      'spec.volumes[0].hostPath.type: Unsupported value: "Folder": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
  ],
  ['a secret without a name', ofVolume({ secret: {} }), ['spec.volumes[0].secret.secretName: Required value']],
  [
    'a file mode',
    ofVolume({ configMap: { name: 'm', defaultMode: 0o1000 } }),
    ['spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive'],
  ],
  [
    'files of a config map',
    ofVolume({
      configMap: {
        name: 'm',
        items: [
          { key: 'k', path: '../x' },
          { key: 'k', path: '..x' },
        ],
      },
    }),
    [
      'spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain \'..\'',
      'spec.volumes[0].configMap.items[1].path: Invalid value: "..x": must not start with \'..\'',
    ],
  ],
  [
    'a projected file twice',
    ofVolume({
      projected: {
        sources: [
          { secret: { name: 's', items: [{ key: 'k', path: 'x' }] } },
          { configMap: { name: 'm', items: [{ key: 'k', path: 'x' }] } },
        ],
      },
    }),
    ['spec.volumes[0].projected: Invalid value: "x": conflicting duplicate paths'],
  ],
  [
    'a token without a service account',
    ofVolume({ projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 5 } }] } }),
    [
      'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes',
      'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
  ],
  [
    'downward API files',
    ofVolume({ downwardAPI: { items: [{ path: 'x' }] } }),
    ['spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required'],
  ],
  [
    'an NFS path',
    ofVolume({ nfs: { server: 's', path: 'x' } }),
    ['spec.volumes[0].nfs.path: Invalid value: "x": must be an absolute path'],
  ],
  [
    'an ephemeral claim',
    ofVolume({ ephemeral: { volumeClaimTemplate: { spec: { resources: { requests: { storage: '1Gi' } } } } } }),
    ['spec.volumes[0].ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required'],
  ],
  ['an old volume that lacks a field', ofVolume({ rbd: { monitors: ['a'], image: '' } }), ['spec.volumes[0].rbd.image: Required value']],

  [
    'requests above limits',
    limits({ requests: { cpu: '2' }, limits: { cpu: '1500m' } }),
    [`${C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1500m`],
  ],
  [
    'unknown resources',
    limits({ limits: { gpu: '1' } }),
    [
      `${C}.resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers`,
      `${C}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers`,
    ],
  ],
  [
    'negative resources',
    limits({ requests: { cpu: '-1' } }),
    [`${C}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`],
  ],
  ['extended resources', limits({ limits: { 'example.com/gpu': '1' } }), []],
  [
    'half a device',
    limits({ limits: { 'example.com/gpu': '500m' } }).slice(0, 1),
    [`${C}.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer`],
  ],
  [
    'a device requested without a limit',
    limits({ requests: { 'example.com/gpu': '1' } }),
    [`${C}.resources.limits: Required value: Limit must be set for non overcommitable resources`],
  ],
  ['huge pages alone', limits({ limits: { 'hugepages-2Mi': '4Mi' } }), [`${C}.resources: Forbidden: HugePages require cpu or memory`]],
  [
    'half a huge page',
    limits({ limits: { 'hugepages-2Mi': '3Mi', cpu: '1' } }).slice(0, 1),
    [`${C}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`],
  ],
  ['a claim the pod does not have', limits({ claims: [{ name: 'gpu' }] }), [`${C}.resources.claims[0]: Not found: "gpu"`]],
  [
    'resources of the pod below those of its containers',
    ofContainer({ resources: { requests: { cpu: '2' } } }, { resources: { requests: { cpu: '1' } } }),
    ['spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2'],
  ],
  [
    'a resource named as something of the language',
    limits({ limits: JSON.parse('{"__proto__":"1"}') as object }).map((t) => t.slice(0, 60)),
    [
      'spec.containers[0].resources.limits[__proto__]: Invalid value',
      'spec.containers[0].resources.requests[__proto__]: Invalid value',
    ].map((t) => t.slice(0, 60)),
  ],

  ['a probe without a handler', ofContainer({ livenessProbe: {} }), [`${C}.livenessProbe: Required value: must specify a handler type`]],
  [
    'a probe with two handlers',
    ofContainer({ livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }),
    [`${C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`],
  ],
  [
    'thresholds',
    ofContainer({
      livenessProbe: { exec: { command: ['a'] }, successThreshold: 2 },
      readinessProbe: { exec: { command: ['a'] }, successThreshold: 2, periodSeconds: -1 },
    }),
    [
      `${C}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
      `${C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
    ],
  ],
  [
    'ports of probes',
    ofContainer({ startupProbe: { httpGet: { port: 0 } }, readinessProbe: { tcpSocket: { port: 'no such!' } } }).map(
      (t) => t.split(': must')[0] ?? '',
    ),
    [`${C}.startupProbe.httpGet.port: Invalid value: 0`, `${C}.readinessProbe.tcpSocket.port: Invalid value: "no such!"`],
  ],
  ['an empty command', ofContainer({ lifecycle: { preStop: { exec: {} } } }), [`${C}.lifecycle.preStop.exec.command: Required value`]],
  [
    'a sleep longer than the grace period',
    ofContainer({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
    [`${C}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)`],
  ],

  [
    'user ids',
    ofSpec({ securityContext: { runAsUser: -1, fsGroup: 2 ** 31 } }),
    [
      'spec.securityContext.fsGroup: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive',
      'spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
  ],
  [
    'privileged without escalation',
    ofContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    [
      `${C}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
    ],
  ],
  [
    'seccomp',
    ofContainer({ securityContext: { seccompProfile: { type: 'Localhost' } } }),
    [`${C}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`],
  ],
  [
    'sysctls',
    ofSpec({
      hostNetwork: true,
      securityContext: {
        sysctls: [
          { name: 'net.core.somaxconn', value: '1' },
          { name: 'kernel/x', value: '' },
          { name: 'kernel/x', value: '' },
          { name: 'A', value: '' },
        ],
      },
    }).map((t) => t.slice(0, 90)),
    [
      'spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when \'hostNetwork\' is true',
      'spec.securityContext.sysctls[2].name: Duplicate value: "kernel/x"',
      'spec.securityContext.sysctls[3].name: Invalid value: "A": must have at most 253 characters and match regex',
    ].map((t) => t.slice(0, 90)),
  ],
  ['host users', ofSpec({ hostUsers: false, hostPID: true }), ['spec.hostPID: Forbidden: when `hostUsers` is false']],
  [
    'one process namespace',
    ofSpec({ shareProcessNamespace: true, hostPID: true }),
    ['spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
  ],
  [
    'windows options on linux',
    ofSpec({ os: { name: 'linux' }, securityContext: { windowsOptions: {} } }),
    ['spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
  ],
  [
    'linux options on windows',
    ofContainer({ securityContext: { privileged: true } }, { os: { name: 'windows' }, hostPID: true }),
    [
      'spec.hostPID: Forbidden: cannot be set for a windows pod',
      `${C}.securityContext.privileged: Forbidden: cannot be set for a windows pod`,
    ],
  ],

  [
    'a restart policy',
    ofSpec({ restartPolicy: 'Sometimes' }),
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  ],
  [
    'a deadline',
    ofSpec({ activeDeadlineSeconds: 0 }),
    ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
  ],
  ['no DNS', ofSpec({ dnsPolicy: 'None' }), ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None']],
  [
    'name servers',
    ofSpec({ dnsConfig: { nameservers: ['1.1.1.1', 'x'], options: [{}] } }),
    [
      'spec.dnsConfig.nameservers[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'spec.dnsConfig.options[0]: Required value: must not be empty',
    ],
  ],
  [
    'search domains',
    ofSpec({ dnsConfig: { searches: ['.', 'a.b.', '_tcp.a_b', 'A'] } }).map((t) => t.split(': a lower')[0] ?? ''),
    ['spec.dnsConfig.searches[3]: Invalid value: "A"'],
  ],
  [
    'host names',
    ofSpec({ hostname: 'a.b', hostAliases: [{ ip: 'x', hostnames: ['ok'] }] }),
    [
      'spec.hostname: Invalid value: "a.b": must not contain dots',
      'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ],
  [
    'tolerations',
    ofSpec({
      tolerations: [
        { operator: 'Exists' },
        { value: 'x' },
        { key: 'a', operator: 'Exists', value: 'x' },
        { key: 'a', tolerationSeconds: 5 },
        { key: 'a', operator: 'Gt', value: 'x' },
      ],
    }),
    [
      'spec.tolerations[1].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      'spec.tolerations[2].operator: Invalid value: "x": value must be empty when `operator` is \'Exists\'',
      'spec.tolerations[3].effect: Invalid value: "": effect must be \'NoExecute\' when `tolerationSeconds` is set',
      'spec.tolerations[4].value: Invalid value: "x": must be an integer when `operator` is Lt or Gt',
    ],
  ],
  [
    'node affinity',
    ofSpec({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchExpressions: [
                  { key: 'a', operator: 'In' },
                  { key: 'a', operator: 'Gt', values: ['1', '2'] },
                ],
                matchFields: [{ key: 'x', operator: 'In', values: ['a'] }],
              },
            ],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }],
        },
      },
    }).map((t) => t.replace('spec.affinity.nodeAffinity.', '')),
    [
      "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
      'requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "x": not a valid field selector key',
      'preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
    ],
  ],
  [
    'pod affinity',
    ofSpec({
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', matchLabelKeys: ['a'] }] } },
    }),
    [
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ],
  ],
  [
    'spreading',
    ofSpec({
      topologySpreadConstraints: [
        { maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 },
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
      ],
    }),
    [
      'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
      'spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, ScheduleAnyway}"',
      'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
    ],
  ],
  [
    'gates',
    ofSpec({ nodeName: 'n', schedulingGates: [{ name: 'a' }, { name: 'a' }] }),
    [
      'spec.schedulingGates[1]: Duplicate value: "a"',
      'spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ],
  ],
];

for (const [what, found, problems] of ROWS) test(`pod rules: ${what}`, () => assert.deepEqual(found, problems));

test('property: no pod with the right structure makes the rules throw', () => {
  let refused = 0;
  fc.assert(
    fc.property(arbitraryOf(Pod, { depth: 6 }), (pod) => {
      const parsed = parseAs(podKind, pod);
      if (parsed.kind === 'problems') refused += 1;
      else assert.equal(parseAs(podKind, parsed.object).kind, 'object');
    }),
    { numRuns: 150 },
  );
  assert.ok(refused > 50, `hardly any pod was refused: ${refused}`);
});

test('property: every field filled in makes the rules visit every corner without throwing', () => {
  fc.assert(
    fc.property(arbitraryOf(Pod, { depth: 9, full: true }), (pod) => {
      const parsed = parseAs(podKind, pod);
      assert.equal(parsed.kind, 'problems'); // two sources of one volume, for instance
    }),
    { numRuns: 10 },
  );
});
