import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from './flags.ts';
import { following, LIVE_FIELDS, reloaded } from './live.ts';
import { FIELDS } from './kubeletConfiguration.ts';
import { loadConfig, settingsOf, type Settings } from './settings.ts';

const settings = (text: string): Settings =>
  settingsOf(
    parseFlags([]),
    loadConfig('k', Buffer.from(`apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /m\n${text}`)),
  );

test('reloaded: what can change does, what cannot is named and stays, also in what /configz shows', () => {
  const now = settings('maxPods: 1\nport: 1\n');
  const { settings: next, changed, waiting } = reloaded(now, settings('maxPods: 2\nport: 2\nimageMinimumGCAge: 1m\n'));
  assert.deepEqual([changed, waiting], [['imageMinimumGCAge', 'maxPods'], ['port']]);
  assert.deepEqual([next.maxPods, next.imageGc.minAgeMs, next.server.port], [2, 60_000, 1]);
  assert.deepEqual(
    [next.configz].map((c) => {
      const { maxPods, port } = c as { maxPods: number; port: number };
      return [maxPods, port];
    }),
    [[2, 1]],
  );
  assert.deepEqual(reloaded(next, settings('maxPods: 2\nport: 1\nimageMinimumGCAge: 1m\n')).waiting, [], 'taken back: nothing waits');
});

test('reloaded: every field that is said to change at once is an honoured one and changes nothing else', () => {
  assert.deepEqual(
    [...LIVE_FIELDS].filter((f) => !FIELDS.honoured.includes(f as never)),
    [],
  );
  const now = settings('');
  for (const [field, value] of Object.entries({
    crashLoopBackOff: '{maxContainerRestartPeriod: 9s}',
    evictionHard: '{pid.available: 5%}',
    containerLogMaxSize: '1Mi',
    seccompDefault: 'true',
    serializeImagePulls: 'false',
    nodeStatusMaxImages: '3',
    clusterDNS: '[10.0.0.1]',
  })) {
    const wanted = settings(`${field}: ${value}\n`);
    assert.deepEqual(reloaded(now, wanted), { settings: wanted, changed: [field], waiting: [] }, field);
  }
});

test('following: an object that is at each time what is read', () => {
  let now = { a: 1, b: 'x' };
  const view = following(() => now);
  now = { a: 2, b: 'y' };
  assert.deepEqual({ ...view }, { a: 2, b: 'y' });
  assert.deepEqual(Object.keys(view), ['a', 'b']);
});
