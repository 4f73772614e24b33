import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyDefaults, fillRequired } from './defaults.ts';
import { Namespace } from './kinds/core/namespace.ts';
import { Pod, PodTemplate } from './kinds/core/pod.ts';
import { LimitRange } from './kinds/core/quota.ts';
import { Service } from './kinds/core/service.ts';
import { Node } from './kinds/core/node.ts';
import { ReplicationController } from './kinds/core/replicationController.ts';
import { prune } from './prune.ts';
import type { Draft, Schema, Static } from './schema.ts';
import { arbitraryOf } from './test/arbitrary.ts';
import { allDefinitions } from './test/kinds.ts';
import { compile } from './validate.ts';

function defaulted<S extends Schema>(schema: S, value: unknown): Draft<Static<S>> {
  const draft = prune(schema, value);
  applyDefaults(schema, draft);
  return draft;
}

const pod = (spec: object): Draft<Pod> => defaulted(Pod, { metadata: { name: 'x' }, spec });
const container = (over: object): Draft<Pod>['spec']['containers'][number] | undefined =>
  pod({ containers: [{ name: 'a', image: 'nginx:1', ...over }] }).spec.containers[0];
const service = (spec: object): Draft<Service>['spec'] => defaulted(Service, { spec }).spec;

test('a pod gets the defaults of upstream, and nothing else', () => {
  assert.deepEqual(pod({ containers: [{ name: 'a', image: 'nginx' }] }), {
    metadata: { name: 'x' },
    spec: {
      containers: [
        {
          name: 'a',
          image: 'nginx',
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    },
  });
});

test('imagePullPolicy follows the tag', () => {
  const rows: [image: string, policy: string][] = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.29', 'IfNotPresent'],
    ['localhost:5000/nginx', 'Always'],
    ['localhost:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:0123', 'IfNotPresent'],
    ['nginx:latest@sha256:0123', 'Always'],
    ['', 'IfNotPresent'],
  ];
  for (const [image, policy] of rows) assert.equal(container({ image })?.imagePullPolicy, policy, image);
  assert.equal(container({ image: 'nginx', imagePullPolicy: 'Never' })?.imagePullPolicy, 'Never');
  assert.equal(container({ image: 'nginx', imagePullPolicy: '' })?.imagePullPolicy, 'Always');
});

test('what has a limit and no request requests its limit; in a template it does not yet', () => {
  const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } };
  assert.deepEqual(container({ resources })?.resources?.requests, { cpu: '500m', memory: '1Gi' });
  const template = defaulted(PodTemplate, { template: { spec: { containers: [{ name: 'a', resources }] } } }).template.spec;
  assert.deepEqual(template.containers[0]?.resources?.requests, { cpu: '500m' });
  assert.equal(template.enableServiceLinks, undefined);
  assert.equal(template.restartPolicy, 'Always');
});

test('requests of the pod come from its containers, then from its limits', () => {
  const resources = { limits: { cpu: '2', memory: '1Gi' } };
  const spec = pod({
    resources,
    containers: [
      { name: 'a', resources: { requests: { cpu: '300m' } } },
      { name: 'b', resources: { requests: { cpu: '0.2' } } },
    ],
  }).spec;
  assert.deepEqual(spec.resources?.requests, { cpu: '500m', memory: '1Gi' });
  assert.equal(pod({ resources: { requests: { cpu: '1' } }, containers: [] }).spec.resources?.requests?.['memory'], undefined);
});

test('in the host network the host port is the container port', () => {
  const ports = [{ containerPort: 80 }, { containerPort: 81, hostPort: 8081 }];
  assert.deepEqual(
    pod({ hostNetwork: true, containers: [{ name: 'a', ports }] }).spec.containers[0]?.ports?.map((p) => p.hostPort),
    [80, 8081],
  );
  assert.deepEqual(container({ ports })?.ports, [
    { containerPort: 80, protocol: 'TCP' },
    { containerPort: 81, hostPort: 8081, protocol: 'TCP' },
  ]);
});

test('probes: zero counts as not set', () => {
  assert.deepEqual(container({ livenessProbe: { httpGet: { port: 80 }, timeoutSeconds: 0 } })?.livenessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  assert.deepEqual(container({ readinessProbe: { grpc: { port: 1 } } })?.readinessProbe?.grpc, { port: 1, service: '' });
});

test('volumes', () => {
  const volumes = [
    { name: 'none' },
    { name: 'host', hostPath: { path: '/x' } },
    { name: 'map', configMap: { name: 'm' } },
    { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    { name: 'image', image: { reference: 'x' } },
  ];
  assert.deepEqual(pod({ volumes, containers: [] }).spec.volumes, [
    { name: 'none', emptyDir: {} },
    { name: 'host', hostPath: { path: '/x', type: '' } },
    { name: 'map', configMap: { name: 'm', defaultMode: 0o644 } },
    { name: 'token', projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } },
    { name: 'image', image: { reference: 'x', pullPolicy: 'Always' } },
  ]);
});

test('services', () => {
  assert.deepEqual(service({ ports: [{ port: 80 }, { port: 81, targetPort: 'web', protocol: 'UDP' }, { port: 82, targetPort: 0 }] }), {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ports: [
      { port: 80, targetPort: 80, protocol: 'TCP' },
      { port: 81, targetPort: 'web', protocol: 'UDP' },
      { port: 82, targetPort: 82, protocol: 'TCP' },
    ],
  });
  assert.deepEqual(service({ type: 'ExternalName', externalName: 'a.b' }), {
    type: 'ExternalName',
    externalName: 'a.b',
    sessionAffinity: 'None',
  });
  const balanced = service({ type: 'LoadBalancer' });
  assert.deepEqual([balanced.externalTrafficPolicy, balanced.allocateLoadBalancerNodePorts], ['Cluster', true]);
  assert.equal(service({ type: 'NodePort' }).externalTrafficPolicy, 'Cluster');
  assert.equal(service({ externalIPs: ['1.2.3.4'] }).externalTrafficPolicy, 'Cluster');
  for (const sessionAffinityConfig of [undefined, {}, { clientIP: {} }]) {
    const { sessionAffinityConfig: config } = service({
      sessionAffinity: 'ClientIP',
      ...(sessionAffinityConfig && { sessionAffinityConfig }),
    });
    assert.deepEqual(config, { clientIP: { timeoutSeconds: 10_800 } });
  }
  assert.equal(
    service({ sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } }).sessionAffinityConfig,
    undefined,
  );
});

test('other kinds', () => {
  assert.deepEqual(defaulted(Namespace, { metadata: { name: 'a' } }), {
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    spec: {},
    status: { phase: 'Active' },
  });
  assert.deepEqual(defaulted(Node, { status: { capacity: { cpu: 2 } } }).status, { capacity: { cpu: '2' }, allocatable: { cpu: '2' } });
  const limits = defaulted(LimitRange, { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] } }).spec
    .limits[0];
  assert.deepEqual([limits?.default, limits?.defaultRequest], [{ cpu: '2' }, { memory: '1Mi', cpu: '2' }]);
  const controller = defaulted(ReplicationController, {
    metadata: { name: 'x' },
    spec: { template: { metadata: { labels: { a: 'b' } }, spec: { containers: [] } } },
  });
  assert.deepEqual([controller.spec.replicas, controller.spec.selector, controller.metadata.labels], [1, { a: 'b' }, { a: 'b' }]);
});

test('property: for every kind, what has its defaults is still valid, and defaults change nothing the second time', async () => {
  for (const definition of await allDefinitions()) {
    const check = compile(definition.schema);
    fc.assert(
      fc.property(arbitraryOf(definition.schema, { depth: 5 }), (value) => {
        const once = defaulted(definition.schema, value);
        assert.deepEqual(check(once), []);
        const twice = structuredClone(once);
        applyDefaults(definition.schema, twice);
        assert.deepEqual(twice, once);
      }),
      { numRuns: 25 },
    );
  }
});

test('property: defaults never share parts between two objects', () => {
  const [a, b] = [pod({ containers: [{ name: 'a' }] }), pod({ containers: [{ name: 'a' }] })];
  (a.spec.securityContext as Record<string, unknown>)['touched'] = true;
  assert.deepEqual(b.spec.securityContext, {});
});

test('fillRequired: an incomplete object becomes one that rules can run over', async () => {
  for (const definition of await allDefinitions()) {
    fc.assert(
      fc.property(arbitraryOf(definition.schema, { depth: 4 }), fc.nat(), (value, at) => {
        const draft = prune(definition.schema, value);
        dropSome(draft, at);
        fillRequired(definition.schema, draft);
        assert.deepEqual(
          compile(definition.schema)(draft).filter((p) => p.kind === 'required'),
          [],
        );
      }),
      { numRuns: 10 },
    );
  }
});

function dropSome(value: unknown, at: number): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [i, key] of Object.keys(value).entries()) {
    if (!Array.isArray(value) && (at + i) % 3 === 0) delete (value as Record<string, unknown>)[key];
    else dropSome((value as Record<string, unknown>)[key], at + i);
  }
}
