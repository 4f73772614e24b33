import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '../call.ts';
import { Query } from '../query.ts';
import { requestInfo } from '../requestInfo.ts';
import { choose, readPolicy, type Policy } from './policy.ts';
import { backupName, planRotation } from './rotation.ts';

const policy = (rules: string): Policy => readPolicy('p.yaml', Buffer.from(`apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n${rules}`));
const levelOf = (rules: string, method: string, path: string, user?: UserInfo): string =>
  choose(policy(rules), requestInfo(method, path, Query.none), user)?.level ?? 'None';

const JANE: UserInfo = { name: 'jane', groups: ['devs', 'system:authenticated'] };
const POD = '/api/v1/namespaces/a/pods/p';

const ROWS: readonly (readonly [rules: string, method: string, path: string, level: string])[] = [
  ['- level: Metadata', 'GET', POD, 'Metadata'],
  ['- {level: None, verbs: [get]}\n- level: Request', 'GET', POD, 'None'],
  ['- {level: None, verbs: [get]}\n- level: Request', 'DELETE', POD, 'Request'],
  ['- {level: Metadata, users: [john]}', 'GET', POD, 'None'],
  ['- {level: Metadata, users: [john, jane]}', 'GET', POD, 'Metadata'],
  ['- {level: Metadata, userGroups: [devs]}', 'GET', POD, 'Metadata'],
  ['- {level: Metadata, userGroups: [ops]}', 'GET', POD, 'None'],
  ['- {level: Metadata, namespaces: [b]}', 'GET', POD, 'None'],
  ['- {level: Metadata, namespaces: [""]}', 'GET', '/api/v1/nodes/n', 'Metadata'],
  ['- {level: Metadata, namespaces: [""]}', 'GET', '/version', 'None'],
  ['- {level: Metadata, resources: [{group: ""}]}', 'GET', POD, 'Metadata'],
  ['- {level: Metadata, resources: [{group: apps}]}', 'GET', POD, 'None'],
  ['- {level: Metadata, resources: [{group: "", resources: [pods]}]}', 'GET', `${POD}/status`, 'None'],
  ['- {level: Metadata, resources: [{group: "", resources: [pods/status]}]}', 'GET', `${POD}/status`, 'Metadata'],
  ['- {level: Metadata, resources: [{group: "", resources: [pods/*]}]}', 'GET', `${POD}/status`, 'Metadata'],
  ['- {level: Metadata, resources: [{group: "", resources: [pods/*]}]}', 'GET', POD, 'Metadata'],
  ['- {level: Metadata, resources: [{group: "", resources: ["*/status"]}]}', 'GET', `${POD}/status`, 'Metadata'],
  ['- {level: Metadata, resources: [{group: "", resources: ["*"]}]}', 'GET', `${POD}/status`, 'Metadata'],
  ['- {level: Metadata, resources: [{resources: [pods], resourceNames: [q]}]}', 'GET', POD, 'None'],
  ['- {level: Metadata, resources: [{resources: [pods], resourceNames: [p]}]}', 'GET', POD, 'Metadata'],
  ['- {level: Metadata, nonResourceURLs: ["/health*"]}', 'GET', '/healthz', 'Metadata'],
  ['- {level: Metadata, nonResourceURLs: ["/health*"]}', 'GET', '/version', 'None'],
  ['- {level: Metadata, nonResourceURLs: ["*"]}', 'GET', POD, 'None'],
  ['- {level: Metadata, verbs: [list]}', 'GET', '/api/v1/pods', 'Metadata'],
];

for (const [rules, method, path, level] of ROWS) {
  test(`${rules.replaceAll('\n', ' ')}: ${method} ${path} is recorded as ${level}`, () => {
    assert.equal(levelOf(rules, method, path, JANE), level);
  });
}

test('whoever is unknown fits no rule for users or groups', () => {
  assert.equal(levelOf('- {level: Metadata, users: [jane]}\n- {level: Metadata, userGroups: [devs]}', 'GET', POD), 'None');
  assert.equal(levelOf('- {level: Metadata}', 'GET', POD), 'Metadata');
});

test('stages that are left out add up, and a rule decides about managed fields before the policy', () => {
  const text = `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
omitStages: [RequestReceived]
rules:
- {level: Metadata, omitStages: [Panic], omitManagedFields: false, verbs: [get]}
- {level: Metadata}`;
  const read = readPolicy('p.yaml', Buffer.from(text));
  const get = choose(read, requestInfo('GET', POD, Query.none), JANE);
  assert.deepEqual([...(get?.omitStages ?? [])], ['RequestReceived', 'Panic']);
  assert.equal(get?.omitManagedFields, false);
  assert.equal(choose(read, requestInfo('PUT', POD, Query.none), JANE)?.omitManagedFields, true);
});

test('everything that is wrong with a policy is told, with its line', () => {
  const text = `apiVersion: audit.k8s.io/v1beta1
kind: Policy
rules:
- users: [jane]
- {level: Metadata, nonResourceURLs: [healthz, /a*b], namespaces: [x]}
- {level: Metadata, resources: [{group: apps/v1}, {resourceNames: [x]}]}`;
  assert.throws(
    () => readPolicy('p.yaml', Buffer.from(text)),
    (err: Error) => {
      for (const part of [
        /p\.yaml:1:13: apiVersion: Unsupported value: "audit\.k8s\.io\/v1beta1"/,
        /p\.yaml:4:\d+: rules\[0\]\.level: Required value/,
        /p\.yaml:5:\d+: rules\[1\]\.nonResourceURLs: Invalid value: .*rules cannot apply to both/,
        /rules\[1\]\.nonResourceURLs\[0\]: Invalid value: "healthz": non-resource URL rules must begin with/,
        /rules\[1\]\.nonResourceURLs\[1\]: Invalid value: "\/a\*b"/,
        /p\.yaml:6:\d+: rules\[2\]\.resources\[0\]\.group: Invalid value/,
        /rules\[2\]\.resources\[1\]\.resourceNames: Invalid value/,
      ])
        assert.match(err.message, part);
      return true;
    },
  );
  for (const [bad, part] of [
    ['', /want one Policy document, got 0/],
    ['apiVersion: audit.k8s.io/v1\nkind: Policy', /rules: Required value/],
    ['apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Everything}]', /rules\[0\]\.level: Unsupported value: "Everything"/],
    ['apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, verb: [get]}]', /rules\[0\]\.verb: unknown field/],
    ['{', /p\.yaml:1:\d+/],
  ] as const)
    assert.throws(() => readPolicy('p.yaml', Buffer.from(bad)), part);
});

test('old logs go by number and by age, are compressed, and nothing else in the folder is touched', () => {
  const day = 86_400_000;
  const nowMs = Date.parse('2026-03-10T00:00:00Z');
  const old = [1, 2, 3, 20].map((days) => backupName('/var/log/audit.log', nowMs - days * day));
  const names = [...old, `${old[1]}.gz`, 'audit.log', 'audit-notes.log', 'other-2026-03-01T00-00-00.000.log'];
  const limits = { maxBytes: 1, maxBackups: 0, maxAgeMs: 0, compress: false };
  assert.deepEqual(planRotation('/var/log/audit.log', names, limits, nowMs), { remove: [], compress: [] });
  assert.deepEqual(planRotation('/var/log/audit.log', names, { ...limits, maxAgeMs: 10 * day }, nowMs).remove, [old[3]]);
  assert.deepEqual(planRotation('/var/log/audit.log', old, { ...limits, maxBackups: 2, compress: true }, nowMs), {
    remove: [old[2], old[3]],
    compress: [old[0], old[1]],
  });
});
