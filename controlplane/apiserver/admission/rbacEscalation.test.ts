import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grant, rule } from '../testing/rbac.ts';
import { refusalOf, TestRegistry } from '../testing/registry.ts';
import { rbacEscalation } from './rbacEscalation.ts';

const API = 'rbac.authorization.k8s.io';
const bench = new TestRegistry([
  ...grant('reader', 'User reader', [rule('get list', '', 'pods secrets')], 'a'),
  ...grant('escalator', 'User escalator', [rule('escalate', API, 'roles', 'r')], 'a'),
  ...grant('binder', 'User binder', [rule('bind', API, 'roles', 'wide')], 'a'),
  ...grant('wide', 'User nobody', [rule('get', '', 'pods'), rule('*', 'apps', '*')], 'a'),
  ...grant('everything', 'User root', [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ]),
]);
const write = (name: string, plural: string, object: object, old?: object): Promise<string> =>
  refusalOf(
    bench.admit(
      rbacEscalation(bench.parts),
      bench.request(`${API}/v1`, plural, { object, user: { name, groups: ['g', 'h'] }, ...(old === undefined ? {} : { old }) }),
    ),
  );
const role = (...rules: object[]): object => ({ metadata: { namespace: 'a', name: 'r' }, rules });
const binding = (name: string, kind = 'Role', subject = 'x'): object => ({
  metadata: { namespace: 'a', name: 'b' },
  roleRef: { apiGroup: API, kind, name },
  subjects: [{ kind: 'User', apiGroup: API, name: subject }],
});
const who = (name: string): string => `user "${name}" (groups=["g" "h"]) is attempting to grant RBAC permissions not currently held:\n`;

test('a role of what one has', async () => {
  assert.equal(await write('reader', 'roles', role(rule('get', '', 'pods', 'one'))), '');
  assert.equal(await write('root', 'clusterroles', { metadata: { name: 'x' }, rules: [rule('*', 'apps', '*')] }), '');
});

test('a role of more than one has, with what is lacking', async () => {
  const wanted = role(rule('get delete watch', '', 'pods'), rule('create', 'apps', 'deployments', 'd'));
  assert.equal(
    await write('reader', 'roles', wanted),
    `roles.rbac.authorization.k8s.io "r" is forbidden: ${who('reader')}{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["d"], Verbs:["create"]}`,
  );
});

test('rights in one namespace give none in another, nor in the cluster', async () => {
  const elsewhere = { ...role(rule('get', '', 'pods')), metadata: { namespace: 'b', name: 'r' } };
  assert.match(await write('reader', 'roles', elsewhere), /not currently held/);
  assert.match(await write('reader', 'clusterroles', { metadata: { name: 'x' }, rules: [rule('get', '', 'pods')] }), /not currently held/);
});

test('the verb escalate, for this role alone', async () => {
  assert.equal(await write('escalator', 'roles', role(rule('*', '*', '*'))), '');
  const other = { ...role(rule('*', '*', '*')), metadata: { namespace: 'a', name: 'other' } };
  assert.match(await write('escalator', 'roles', other), /not currently held/);
});

test('a role that stays as it is may be labelled by anybody who may write it', async () => {
  const was = role(rule('*', '*', '*'));
  assert.equal(await write('reader', 'roles', { ...was, metadata: { namespace: 'a', name: 'r', labels: { x: 'y' } } }, was), '');
});

test('a role made of other roles is as large as everything', async () => {
  const aggregated = { metadata: { name: 'x' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] } };
  assert.match(await write('reader', 'clusterroles', aggregated), /\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}/);
  assert.equal(await write('root', 'clusterroles', aggregated), '');
});

test('a binding to a role of what one has, or with the verb bind', async () => {
  assert.equal(await write('reader', 'rolebindings', binding('reader')), '');
  assert.equal(await write('binder', 'rolebindings', binding('wide')), '');
  assert.match(await write('reader', 'rolebindings', binding('wide')), /\{APIGroups:\["apps"\], Resources:\["\*"\], Verbs:\["\*"\]\}/);
  assert.match(await write('binder', 'rolebindings', binding('everything', 'ClusterRole')), /not currently held/);
  assert.match(await write('reader', 'rolebindings', binding('nope')), /roles\.rbac\.authorization\.k8s\.io "nope" not found/);
});

test('a new subject in an old binding is a grant', async () => {
  assert.match(await write('reader', 'rolebindings', binding('wide', 'Role', 'me'), binding('wide')), /not currently held/);
  assert.equal(await write('reader', 'rolebindings', binding('wide'), binding('wide')), '');
});
