import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { logQuery, type LogFlags } from './logs.ts';
import { notFoundText } from './node.ts';

const ROWS: readonly (readonly [flags: LogFlags, query: string])[] = [
  [{}, ''],
  [{ tail: '-1' }, ''],
  [
    { follow: true, previous: true, timestamps: true, tail: '3', 'limit-bytes': '10' },
    'follow=true&previous=true&timestamps=true&tailLines=3&limitBytes=10',
  ],
  [{ since: '90' }, 'sinceSeconds=90'],
  [{ since: '1m30s' }, 'sinceSeconds=90'],
  [{ since: '1500ms' }, 'sinceSeconds=2'],
  [{ 'since-time': '2026-01-01T00:00:00Z' }, 'sinceTime=2026-01-01T00%3A00%3A00Z'],
];
for (const [flags, query] of ROWS) test(`logs ${JSON.stringify(flags)}`, () => assert.equal(logQuery(flags).toString(), query));

test('logs: what is no duration, and two times at once', () => {
  for (const since of ['', 'x', '0', '-1s', '5']) {
    if (since === '5') assert.equal(logQuery({ since }).get('sinceSeconds'), '5');
    else assert.throws(() => logQuery({ since }), { code: 'USAGE' }, since);
  }
  assert.throws(() => logQuery({ since: '1s', 'since-time': '2026-01-01T00:00:00Z' }), { code: 'USAGE' });
});

test('a pod that is not there: the one that was probably meant', () => {
  const pods = [
    { metadata: { name: 'web-n1', namespace: 'default' }, spec: { nodeName: 'n1' } },
    { metadata: { name: 'dns', namespace: 'kube-system' }, spec: { nodeName: 'n1' } },
  ] as unknown as Pod[];
  assert.equal(notFoundText(pods, 'web', 'default'), 'pods "web" not found, did you mean web-n1?');
  assert.equal(notFoundText(pods, 'dns', 'default'), 'pods "dns" not found, did you mean dns -n kube-system?');
  assert.equal(notFoundText(pods, 'web', 'other'), 'pods "web" not found, did you mean web-n1 -n default?');
  assert.equal(notFoundText(pods, 'x', 'default'), 'pods "x" not found; kijabi get pods -A lists those there are');
});
