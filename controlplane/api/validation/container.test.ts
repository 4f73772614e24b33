import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C, LABEL_RULE, ofContainer, ofSpec, ofVolume } from '#api/test/podProblems.ts';

const data = {
  volumes: [{ name: 'data' }, { name: 'disk', persistentVolumeClaim: { claimName: 'c' } }, { name: 'img', image: { reference: 'y' } }],
};
const mounts = (...volumeMounts: object[]): readonly string[] => ofContainer({ volumeMounts }, data);
const devices = (...volumeDevices: object[]): readonly string[] => ofContainer({ volumeDevices }, data);
const limits = (resources: object): readonly string[] => ofContainer({ resources });
const env = (...variables: object[]): readonly string[] => ofContainer({ env: variables });

const ROWS: [what: string, found: readonly string[], problems: string[]][] = [
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
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
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
];

for (const [what, found, problems] of ROWS) test(`container rules: ${what}`, () => assert.deepEqual(found, problems));
