import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactVerify } from 'jose';
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { ClusterRole } from '#api/kinds/rbac/v1.ts';
import { aggregate } from '../clusterRoleAggregation/reconcile.ts';
import { endsAtMs } from '../tokenCleaner/reconcile.ts';
import { signed } from './reconcile.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const token = (over: Readonly<Record<string, string>> = {}): Secret => {
  const data = { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', ...over };
  return {
    metadata: { name: 't' },
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
  };
};
const map = (data: Readonly<Record<string, string>>): ConfigMap => ({ metadata: { name: 'cluster-info' }, data });

test('a token signs the kubeconfig so that a library of others believes it; what is signed is left alone', async () => {
  const data = signed(map({ kubeconfig: 'clusters: []', 'jws-kubeconfig-oldold': 'x' }), [token()], NOW)!;
  assert.deepEqual(Object.keys(data), ['kubeconfig', 'jws-kubeconfig-abcdef']);
  const [header, , signature] = (data['jws-kubeconfig-abcdef'] ?? '').split('.');
  const { payload, protectedHeader } = await compactVerify(
    `${header}.${Buffer.from('clusters: []').toString('base64url')}.${signature}`,
    new TextEncoder().encode('0123456789abcdef'),
  );
  assert.deepEqual([Buffer.from(payload).toString(), protectedHeader], ['clusters: []', { alg: 'HS256', kid: 'abcdef' }]);
  assert.equal(signed(map(data), [token()], NOW), undefined);
});

for (const [name, given] of [
  ['may not sign', token({ 'usage-bootstrap-signing': 'false' })],
  ['has ended', token({ expiration: '2025-12-31T23:59:59Z' })],
  ['is no token', token({ 'token-secret': 'short' })],
] as const)
  test(`one that ${name} does not`, () => assert.equal(signed(map({ kubeconfig: 'x' }), [given], NOW), undefined));

test('when a token ends', () => {
  assert.equal(endsAtMs(token({ expiration: '2026-01-01T00:00:00Z' })), NOW);
  assert.equal(endsAtMs(token()), undefined);
  assert.equal(endsAtMs(token({ expiration: 'soon' })), undefined);
});

test('a role is made of the rules of others, each once, without its own', () => {
  const rule = (verb: string) => ({ verbs: [verb], apiGroups: [''], resources: ['pods'] });
  const role = (name: string, labels: Record<string, string>, ...verbs: string[]): ClusterRole => ({
    metadata: { name, labels },
    rules: verbs.map(rule),
  });
  const whole = {
    ...role('view', { view: 'yes' }, 'old'),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { view: 'yes' } }] },
  } as ClusterRole;
  const all = [whole, role('b', { view: 'yes' }, 'get', 'list'), role('a', { view: 'yes' }, 'watch', 'get'), role('c', {}, 'delete')];
  const rules = aggregate(whole, all)!;
  assert.deepEqual(
    rules.map(({ verbs }) => verbs[0]),
    ['watch', 'get', 'list'],
  );
  assert.equal(aggregate({ ...whole, rules: [...rules] }, all), undefined);
  assert.equal(aggregate(role('plain', {}), all), undefined);
});
