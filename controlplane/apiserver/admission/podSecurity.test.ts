/** What the Pod Security Standards say about a pod: one row, one sentence of upstream's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf, TestRegistry, type TestRequest } from '../testing/registry.ts';
import { podSecurity } from './podSecurity.ts';

const LABEL = 'pod-security.kubernetes.io/';
type Labels = Readonly<Record<string, string>>;
const namespace = (labels: Labels): object => ({ metadata: { name: 'a', labels } });
const bench = (labels: Labels): TestRegistry => new TestRegistry([['v1', 'namespaces', namespace(labels)]]);
const pod = (spec: object = {}, metadata: object = {}): object => ({
  metadata: { namespace: 'a', name: 'p', ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const inside = (securityContext: object, more: object = {}): object =>
  pod({ containers: [{ name: 'c', image: 'i', securityContext, ...more }] });
const ask = (from: TestRegistry, request: TestRequest, plural = 'pods', apiVersion = 'v1'): Promise<string> =>
  refusalOf(from.admit(podSecurity(from.parts), from.request(apiVersion, plural, request)));

const GOOD = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const good = (more: object = {}, spec: object = {}): object =>
  pod({ containers: [{ name: 'c', image: 'i', securityContext: { ...GOOD, ...more } }], ...spec });

/** "": the pod passes. */
const BASELINE: readonly (readonly [what: string, object: object, details: string, version?: string])[] = [
  ['nothing special', pod(), ''],
  ['host namespaces', pod({ hostNetwork: true, hostIPC: true }), 'host namespaces (hostNetwork=true, hostIPC=true)'],
  ['privileged', inside({ privileged: true }), 'privileged (container "c" must not set securityContext.privileged=true)'],
  [
    'capabilities',
    inside({ capabilities: { add: ['SYS_TIME', 'CHOWN', 'NET_ADMIN'] } }),
    'non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_TIME" in securityContext.capabilities.add)',
  ],
  [
    'hostPath',
    pod({
      volumes: [
        { name: 'x', hostPath: { path: '/' } },
        { name: 'y', hostPath: { path: '/' } },
      ],
    }),
    'hostPath volumes (volumes "x", "y")',
  ],
  [
    'hostPort',
    pod({ containers: ['a', 'b'].map((name) => ({ name, image: 'i', ports: [{ containerPort: 1, hostPort: 80 }] })) }),
    'hostPort (containers "a", "b" use hostPort 80)',
  ],
  [
    'a probe of another host',
    pod({ containers: [{ name: 'c', image: 'i', livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }] }),
    'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
  ],
  [
    'a probe of another host, before 1.34',
    pod({ containers: [{ name: 'c', image: 'i', livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }] }),
    '',
    'v1.33',
  ],
  [
    'AppArmor',
    pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
    'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
  ],
  [
    'SELinux',
    inside({ seLinuxOptions: { type: 'super_t', user: 'root' } }),
    'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "super_t"; user may not be set)',
  ],
  ['SELinux, a type of 1.31', inside({ seLinuxOptions: { type: 'container_engine_t' } }), ''],
  [
    'SELinux, a type of 1.31 before 1.31',
    inside({ seLinuxOptions: { type: 'container_engine_t' } }),
    'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
    'v1.30',
  ],
  ['procMount', inside({ procMount: 'Unmasked' }), 'procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
  [
    'procMount among users of its own',
    pod({ hostUsers: false, containers: [{ name: 'c', image: 'i', securityContext: { procMount: 'Unmasked' } }] }),
    '',
  ],
  [
    'seccomp',
    pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  ['sysctls', pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }), 'forbidden sysctls (kernel.msgmax)'],
  ['sysctls of 1.29', pod({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_fin_timeout', value: '1' }] } }), ''],
  [
    'sysctls of 1.29 before 1.29',
    pod({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_fin_timeout', value: '1' }] } }),
    'forbidden sysctls (net.ipv4.tcp_fin_timeout)',
    'v1.28',
  ],
  [
    'HostProcess',
    pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
    'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
  ],
];

for (const [what, object, details, version = 'latest'] of BASELINE) {
  test(`baseline: ${what}`, async () => {
    const from = bench({ [`${LABEL}enforce`]: 'baseline', [`${LABEL}enforce-version`]: version });
    const want = details === '' ? '' : `pods "p" is forbidden: violates PodSecurity "baseline:${version}": ${details}`;
    assert.equal(await ask(from, { object }), want);
  });
}

const RESTRICTED: readonly (readonly [what: string, object: object, details: string])[] = [
  ['everything right', good(), ''],
  [
    'nothing said',
    pod(),
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  [
    'a capability',
    good({ capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
    'unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)',
  ],
  ['root', good({ runAsUser: 0 }), 'runAsUser=0 (container "c" must not set runAsUser=0)'],
  ['root again', good({ runAsNonRoot: false }), 'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'],
  ['root among users of its own', good({ runAsUser: 0, runAsNonRoot: false }, { hostUsers: false }), ''],
  [
    'hostPath',
    good({}, { volumes: [{ name: 'x', hostPath: { path: '/' } }] }),
    'restricted volume types (volume "x" uses restricted volume type "hostPath")',
  ],
  [
    'volumes of the cloud',
    good(
      {},
      {
        volumes: [
          { name: 'x', nfs: { server: 's', path: '/' } },
          { name: 'y', iscsi: { targetPortal: 't', iqn: 'i', lun: 0 } },
        ],
      },
    ),
    'restricted volume types (volumes "x", "y" use restricted volume types "iscsi", "nfs")',
  ],
  [
    'seccomp',
    good({ seccompProfile: { type: 'Unconfined' } }),
    'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    'set for the whole pod',
    pod({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'Localhost', localhostProfile: 'p' } },
      containers: [{ name: 'c', image: 'i', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
    }),
    '',
  ],
  ['Windows', pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } }), ''],
];

for (const [what, object, details] of RESTRICTED) {
  test(`restricted: ${what}`, async () => {
    const want = details === '' ? '' : `pods "p" is forbidden: violates PodSecurity "restricted:latest": ${details}`;
    assert.equal(await ask(bench({ [`${LABEL}enforce`]: 'restricted' }), { object }), want);
  });
}

test('an update is looked at only when it changes the pod', async () => {
  const from = bench({ [`${LABEL}enforce`]: 'baseline' });
  const bad = (image: string): object => pod({ hostPID: true, containers: [{ name: 'c', image }] });
  assert.equal(await ask(from, { old: bad('i'), object: bad('i') }), '');
  assert.match(await ask(from, { old: bad('i'), object: bad('j') }), /host namespaces/);
});

test('a debugging container is held to the same', async () => {
  const from = bench({ [`${LABEL}enforce`]: 'baseline' });
  const debug = pod({ ephemeralContainers: [{ name: 'd', image: 'i', securityContext: { privileged: true } }] });
  assert.match(await ask(from, { subresource: 'ephemeralcontainers', old: pod(), object: debug }), /container "d" must not set/);
});

test('templates are let in with a warning, of what is enforced or what is said', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { hostPID: true, containers: [{ name: 'c', image: 'i' }] } };
  const deployment = { metadata: { namespace: 'a', name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
  const cron = {
    metadata: { namespace: 'a', name: 'd' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } },
  };
  const enforced = bench({ [`${LABEL}enforce`]: 'baseline' });
  assert.equal(await ask(enforced, { object: deployment }, 'deployments', 'apps/v1'), '');
  assert.equal(await ask(enforced, { object: cron }, 'cronjobs', 'batch/v1'), '');
  const text = 'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)';
  assert.deepEqual(enforced.warnings, [text, text]);
  const quiet = bench({ [`${LABEL}enforce`]: 'baseline', [`${LABEL}warn`]: 'privileged' });
  await ask(quiet, { object: deployment }, 'deployments', 'apps/v1');
  assert.deepEqual(quiet.warnings, []);
});

test('labels that nobody knows are refused, unless they were there', async () => {
  const from = bench({});
  const labels = { [`${LABEL}enforce`]: 'strict', [`${LABEL}warn-version`]: '1.30' };
  const message = await ask(from, { object: namespace(labels) }, 'namespaces');
  assert.match(
    message,
    /metadata\.labels\[pod-security\.kubernetes\.io\/enforce\]: Invalid value: "strict": must be one of privileged, baseline, restricted/,
  );
  assert.match(
    message,
    /metadata\.labels\[pod-security\.kubernetes\.io\/warn-version\]: Invalid value: "1\.30": must be "latest" or "v1\.x"/,
  );
  assert.equal(await ask(from, { old: namespace(labels), object: namespace({ ...labels, other: 'x' }) }, 'namespaces'), '');
  // Whoever wrote a level wanted to restrict something.
  assert.match(await ask(bench({ [`${LABEL}enforce`]: 'strict' }), { object: pod() }), /violates PodSecurity "restricted:latest"/);
});

test('a stricter label warns about the pods that are there', async () => {
  const from = bench({});
  for (const name of ['b', 'a', 'c']) from.put('v1', 'pods', pod({ hostPID: true }, { name }));
  from.put('v1', 'pods', pod({ containers: [{ name: 'c', image: 'i', securityContext: { privileged: true } }] }, { name: 'z' }));
  from.put('v1', 'pods', pod({}, { name: 'fine' }));
  assert.equal(await ask(from, { old: namespace({}), object: namespace({ [`${LABEL}enforce`]: 'baseline' }) }, 'namespaces'), '');
  assert.deepEqual(from.warnings, [
    'existing pods in namespace "a" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 2 other pods): host namespaces',
    'z: privileged',
  ]);
  from.warnings.length = 0;
  await ask(
    from,
    { old: namespace({ [`${LABEL}enforce`]: 'restricted' }), object: namespace({ [`${LABEL}enforce`]: 'baseline' }) },
    'namespaces',
  );
  assert.deepEqual(from.warnings, []);
});
