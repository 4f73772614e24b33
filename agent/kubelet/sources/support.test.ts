import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPath } from '#api/fieldPath.ts';
import { unsupportedFields } from './support.ts';

const of = (spec: object): string[] =>
  unsupportedFields({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec }).map((u) => formatPath(u.path));

for (const [name, spec, want] of [
  [
    'what is honoured passes',
    { containers: [{ name: 'a', image: 'b', env: [{ name: 'X', value: '1' }], resources: { limits: { cpu: '1' } } }], hostNetwork: true },
    [],
  ],
  [
    'a probe passes, a rule that restarts all containers is refused by its place',
    {
      containers: [
        { name: 'a', livenessProbe: { exec: { command: ['true'] } } },
        { name: 'b', restartPolicy: 'Never', restartPolicyRules: [{ action: 'RestartAllContainers' }] },
      ],
    },
    ['spec.containers[1].restartPolicyRules[0].action'],
  ],
  [
    'a volume of another kind is refused',
    { containers: [], volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] },
    ['spec.volumes[0].nfs'],
  ],
  [
    'a value that is not honoured is refused',
    { containers: [{ name: 'a', securityContext: { procMount: 'Unmasked' } }] },
    ['spec.containers[0].securityContext.procMount'],
  ],
  [
    'huge pages pass, of the whole pod too; storage of the whole pod is refused',
    {
      containers: [{ name: 'a', resources: { limits: { 'hugepages-2Mi': '2Mi', 'ephemeral-storage': '1Gi' } } }],
      resources: { limits: { memory: '1Gi', 'ephemeral-storage': '1Gi' } },
    },
    ['spec.resources.limits.ephemeral-storage'],
  ],
  [
    'an extended resource is refused',
    { containers: [{ name: 'a', resources: { limits: { 'nvidia.com/gpu': 1 } } }] },
    ['spec.containers[0].resources.limits.nvidia.com/gpu'],
  ],
  [
    'what asks for nothing passes',
    { containers: [{ name: 'a', securityContext: {} }], securityContext: {}, imagePullSecrets: [], hostUsers: null },
    [],
  ],
  [
    'a user namespace is asked for by a no, and refused; the yes asks for none',
    { containers: [{ name: 'a' }], hostUsers: false },
    ['spec.hostUsers'],
  ],
  ['the users of the host are what every pod has', { containers: [{ name: 'a' }], hostUsers: true }, []],
  [
    'a reference to an unknown field is refused',
    { containers: [{ name: 'a', env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.color' } } }] }] },
    ['spec.containers[0].env[0].valueFrom.fieldRef.fieldPath'],
  ],
  [
    'what only an API server could give a static pod is refused',
    {
      containers: [{ name: 'a' }],
      serviceAccountName: 'robot',
      automountServiceAccountToken: true,
      readinessGates: [{ conditionType: 'a/b' }],
    },
    ['spec.serviceAccountName', 'spec.automountServiceAccountToken', 'spec.readinessGates'],
  ],
  [
    'a field with a name of Object.prototype is refused like any other',
    { containers: [{ name: 'a', toString: 'x', env: [{ hasOwnProperty: 1 }] }], constructor: { a: 1 } },
    ['spec.containers[0].toString', 'spec.containers[0].env[0].hasOwnProperty', 'spec.constructor'],
  ],
  [
    'a value of the wrong type is left to validation, whatever it is',
    { containers: [{ name: 'a', env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: { toString: null } } } }] }] },
    [],
  ],
] as const) {
  test(`unsupportedFields: ${name}`, () => assert.deepEqual(of(spec), want));
}
