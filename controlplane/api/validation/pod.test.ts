import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKind } from '#api/definitions/pod.ts';
import { Pod } from '#api/kinds/core/pod.ts';
import { parseAs } from '#api/parse.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { C, LABEL_RULE, ofContainer, ofMetadata, ofSpec, problemsOf } from '#api/test/podProblems.ts';

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
