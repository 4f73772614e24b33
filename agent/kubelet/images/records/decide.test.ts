import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Credentials } from '../credentials.ts';
import { allowlistProblem, learn, mustVerify, opens, repositoryOf, secretsOf, usedFor, type PullCredentials } from './decide.ts';

const secret = (name: string, password: string, uid = `uid-${name}`): Credentials => ({
  username: 'u',
  password,
  secret: { uid, namespace: 'ns', name },
});
const knownBy = (...credentials: Credentials[]): PullCredentials => ({ kubernetesSecrets: secretsOf(credentials) });

for (const [policy, allowlist, repository, pulled, want] of [
  ['NeverVerify', [], 'r.example/a', true, false],
  ['NeverVerifyPreloadedImages', [], 'r.example/a', true, true],
  ['NeverVerifyPreloadedImages', [], 'r.example/a', false, false],
  ['AlwaysVerify', [], 'r.example/a', false, true],
  ['NeverVerifyAllowlistedImages', ['r.example/a'], 'r.example/a', true, false],
  ['NeverVerifyAllowlistedImages', ['r.example/a'], 'r.example/a/b', false, true],
  ['NeverVerifyAllowlistedImages', ['r.example/a/*'], 'r.example/a/b', true, false],
  ['NeverVerifyAllowlistedImages', ['r.example/a/*'], 'r.example/ab', false, true],
] as const)
  test(`mustVerify: ${policy} ${allowlist.join()}: ${repository}, ${pulled ? 'pulled' : 'loaded'}`, () =>
    assert.equal(mustVerify({ policy, allowlist }, repository, pulled), want));

for (const [name, known, mine, want] of [
  ['the same secret', knownBy(secret('a', 'p')), [secret('a', 'p')], true],
  ['another secret with the same password', knownBy(secret('a', 'p')), [secret('b', 'p')], true],
  ['the same secret with a new password', knownBy(secret('a', 'p')), [secret('a', 'q')], true],
  ['another secret with another password', knownBy(secret('a', 'p')), [secret('b', 'q')], false],
  ['the secret of a manifest, which has no UID, with another password', knownBy(secret('a', 'p', '')), [secret('a', 'q', '')], false],
  ['the second of two', knownBy(secret('a', 'p')), [secret('b', 'q'), secret('c', 'p')], true],
  ['none', knownBy(secret('a', 'p')), [], false],
  ['the node’s credentials alone', knownBy(secret('a', 'p')), [{ username: 'u', password: 'p' }], false],
  [
    'a record without a hash',
    { kubernetesSecrets: [{ uid: 'x', namespace: 'ns', name: 'a', credentialHash: '' }] },
    [secret('b', '')],
    false,
  ],
  ['a record of service accounts', { kubernetesServiceAccounts: [{}] }, [secret('a', 'p')], false],
] as const)
  test(`opens: ${name}`, () => assert.equal(opens(known, secretsOf(mine)) !== undefined, want));

test('a secret is remembered by a hash, never by its content', () => {
  const [found] = secretsOf([secret('a', 'hunter2')]);
  assert.match(found?.credentialHash ?? '', /^[0-9a-f]{64}$/);
  assert.doesNotMatch(JSON.stringify(found), /hunter2/);
});

test('learn: what is new is added, what is known changes nothing, and what is everybody’s stays so', () => {
  const first = learn({}, 'r.example/a', usedFor(secret('b', 'p')));
  assert.equal(learn(first, 'r.example/a', usedFor(secret('b', 'p'))), first);
  const two = learn(first, 'r.example/a', usedFor(secret('a', 'q')));
  assert.deepEqual(
    two['r.example/a']?.kubernetesSecrets?.map(({ name }) => name),
    ['a', 'b'],
  );
  const renewed = learn(two, 'r.example/a', usedFor(secret('a', 'r')));
  assert.equal(renewed['r.example/a']?.kubernetesSecrets?.length, 2);
  assert.notDeepEqual(renewed, two);
  const open = learn(renewed, 'r.example/a', usedFor(undefined));
  assert.deepEqual(open, { 'r.example/a': { nodePodsAccessible: true } });
  assert.equal(learn(open, 'r.example/a', usedFor(secret('c', 'p'))), open);
  const other = learn(open, '__proto__', usedFor(secret('c', 'p')));
  assert.equal(Object.keys(other).length, 2);
});

test('learn: no more secrets than a file should hold', () => {
  let mapping = learn({}, 'r', usedFor(secret('0', '0')));
  for (let i = 1; i < 200; i++) mapping = learn(mapping, 'r', usedFor(secret(String(i), String(i))));
  assert.equal(mapping['r']?.kubernetesSecrets?.length, 100);
});

for (const [image, want] of [
  ['nginx', 'docker.io/library/nginx'],
  ['r.example:5000/a/b:1', 'r.example:5000/a/b'],
  [`r.example/a@sha256:${'0'.repeat(64)}`, 'r.example/a'],
  ['No', undefined],
] as const)
  test(`repositoryOf: ${image}`, () => assert.equal(repositoryOf(image), want));

for (const [entry, good] of [
  ['r.example/a', true],
  ['r.example/a/*', true],
  ['r.example/*', true],
  ['docker.io/library/nginx', true],
  ['nginx', false],
  ['r.example/a:1', false],
  ['r.*/a', false],
  ['r.example/a*', false],
  ['/*', false],
  ['*', false],
  [' r.example/a', false],
] as const)
  test(`allowlistProblem: ${JSON.stringify(entry)}`, () => assert.equal(allowlistProblem(entry) === undefined, good));
