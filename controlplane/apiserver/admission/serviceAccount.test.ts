import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { refusalOf, TestRegistry, type Put } from '../testing/registry.ts';
import { serviceAccount } from './serviceAccount.ts';

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const account = (name: string, more: object = {}, annotations: object = {}): Put => [
  'v1',
  'serviceaccounts',
  { metadata: { namespace: 'a', name, annotations }, ...more },
];
const pod = (spec: object = {}, annotations: object = {}): object => ({
  metadata: { namespace: 'a', name: 'p', annotations },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const bench = new TestRegistry([
  account('default', { imagePullSecrets: [{ name: 'pull' }] }),
  account('quiet', { automountServiceAccountToken: false }),
  account(
    'careful',
    { secrets: [{ name: 'known' }], imagePullSecrets: [{ name: 'pull' }] },
    { 'kubernetes.io/enforce-mountable-secrets': 'true' },
  ),
]);
const plugin = serviceAccount(bench.parts);
const admit = async (object: object): Promise<Pod['spec']> =>
  ((await bench.admit(plugin, bench.request('v1', 'pods', { object }))) as unknown as Pod).spec;

test('a pod that names nobody runs as default, with its token and its pull secrets', async () => {
  const spec = await admit(pod({ initContainers: [{ name: 'i', image: 'i' }] }));
  assert.deepEqual([spec.serviceAccountName, spec.serviceAccount, spec.imagePullSecrets], ['default', 'default', [{ name: 'pull' }]]);
  const mount = { name: 'kube-api-access-xxxxx', readOnly: true, mountPath: MOUNT };
  assert.deepEqual([spec.containers?.[0]?.volumeMounts, spec.initContainers?.[0]?.volumeMounts], [[mount], [mount]]);
  const [volume] = spec.volumes ?? [];
  assert.deepEqual(volume?.projected?.defaultMode, 0o644);
  assert.deepEqual(
    volume?.projected?.sources?.map((source) => Object.keys(source)[0]),
    ['serviceAccountToken', 'configMap', 'downwardAPI'],
  );
  assert.deepEqual(volume?.projected?.sources?.[0]?.serviceAccountToken, { expirationSeconds: 3607, path: 'token' });
});

test('no token where pod or account say so, the pod first; none where something else is mounted', async () => {
  assert.equal((await admit(pod({ serviceAccountName: 'quiet' }))).volumes, undefined);
  assert.equal((await admit(pod({ automountServiceAccountToken: false }))).volumes, undefined);
  assert.equal((await admit(pod({ serviceAccountName: 'quiet', automountServiceAccountToken: true }))).volumes?.length, 1);
  const own = {
    containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: MOUNT }] }],
    volumes: [{ name: 'v', emptyDir: {} }],
  };
  assert.equal((await admit(pod(own))).volumes?.length, 1);
});

test('its own pull secrets stay', async () => {
  assert.deepEqual((await admit(pod({ imagePullSecrets: [{ name: 'mine' }] }))).imagePullSecrets, [{ name: 'mine' }]);
});

test('mirror pods stay as they are', async () => {
  const spec = await admit(pod({}, { 'kubernetes.io/config.mirror': 'x' }));
  assert.deepEqual([spec.serviceAccountName, spec.volumes], [undefined, undefined]);
});

const secretEnv = {
  containers: [{ name: 'c', image: 'i', env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'other', key: 'k' } } }] }],
};
const REFUSALS: readonly (readonly [what: string, object: object, message: string])[] = [
  [
    'an account that is not there',
    pod({ serviceAccountName: 'nope' }),
    'error looking up service account a/nope: serviceaccount "nope" not found',
  ],
  [
    'a mirror pod with an account',
    pod({ serviceAccountName: 'default' }, { 'kubernetes.io/config.mirror': 'x' }),
    'a mirror pod may not reference service accounts',
  ],
  ['a mirror pod with a secret', pod(secretEnv, { 'kubernetes.io/config.mirror': 'x' }), 'a mirror pod may not reference secrets'],
  [
    'a mirror pod with a token',
    pod(
      { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
      { 'kubernetes.io/config.mirror': 'x' },
    ),
    'a mirror pod may not use ServiceAccountToken volume projections',
  ],
  [
    'a volume that the account does not list',
    pod({ serviceAccountName: 'careful', volumes: [{ name: 'v', secret: { secretName: 'other' } }] }),
    'volume with secret.secretName="other" is not allowed because service account careful does not reference that secret',
  ],
  [
    'a variable that the account does not list',
    pod({ serviceAccountName: 'careful', ...secretEnv }),
    'container c with envVar A referencing secret.secretName="other" is not allowed because service account careful does not reference that secret',
  ],
  [
    'a pull secret that the account does not list',
    pod({ serviceAccountName: 'careful', imagePullSecrets: [{ name: 'other' }] }),
    'imagePullSecrets[0].name="other" is not allowed because service account careful does not reference that imagePullSecret',
  ],
];
for (const [what, object, message] of REFUSALS) {
  test(`refused: ${what}`, async () => assert.equal(await refusalOf(admit(object)), `pods "p" is forbidden: ${message}`));
}

test('the default account of a new namespace is waited for, but not for ever', async () => {
  /** What the refusal says, while time moves on; onWait is called before each look but the first. */
  const ask = async (own: TestRegistry, onWait: () => void): Promise<string> => {
    const answer: { text?: string } = {};
    const asked = refusalOf(own.admit(serviceAccount(own.parts), own.request('v1', 'pods', { object: pod() })));
    void asked.then((text) => (answer.text = text));
    while (answer.text === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      if (own.clock.nextWakeMs === undefined) continue;
      onWait();
      await own.clock.advance(own.clock.nextWakeMs);
    }
    return answer.text;
  };
  const late = new TestRegistry();
  assert.equal(await ask(late, () => late.put(...account('default'))), '');
  let waits = 0;
  assert.match(await ask(new TestRegistry(), () => (waits += 1)), /serviceaccount "default" not found/);
  assert.equal(waits, 9);
});
