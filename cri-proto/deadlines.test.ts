import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadlineOf } from './deadlines.ts';
import { parseEndpoint } from './endpoint.ts';

const MIN = 60_000;
const deadlines: [sentence: string, rpc: string, request: object, wantMs: number][] = [
  ['a question gets the request timeout', 'ContainerStatus', {}, 2 * MIN],
  ['making a sandbox gets twice as long', 'RunPodSandbox', {}, 4 * MIN],
  ['a pull has no end', 'PullImage', {}, Infinity],
  ['events have no end', 'GetContainerEvents', {}, Infinity],
  ['a stop gets its grace on top', 'StopContainer', { timeout: 30 }, 2.5 * MIN],
  ['also when it is given in decimal', 'StopContainer', { timeout: '30' }, 2.5 * MIN],
  ['a stop without grace gets none', 'StopContainer', {}, 2 * MIN],
  ['an exec gets its timeout on top', 'ExecSync', { timeout: 1 }, 2 * MIN + 1000],
  ['an exec without a timeout has no end', 'ExecSync', { timeout: '0' }, Infinity],
  ['a list as a stream has an end', 'StreamContainers', {}, 2 * MIN],
];
for (const [sentence, rpc, request, wantMs] of deadlines) {
  test(`deadlines: ${sentence}`, () => assert.equal(deadlineOf(rpc, request, 2 * MIN), wantMs));
}

const endpoints: [endpoint: string, want: string | RegExp][] = [
  ['unix:///run/containerd/containerd.sock', '/run/containerd/containerd.sock'],
  ['/run/containerd/containerd.sock', '/run/containerd/containerd.sock'],
  ['unix://relative.sock', /want unix:\/\/\/path/],
  ['run/containerd.sock', /want unix:\/\/\/path/],
  ['tcp://127.0.0.1:1234', /want unix:\/\/\/path/],
  ['npipe:////./pipe/x', /want unix:\/\/\/path/],
  ['', /want unix:\/\/\/path/],
  [`/${'a'.repeat(107)}`, /at most 107 bytes.*this one has 108/],
  ['/a\0b', /no zero byte/],
];
for (const [endpoint, want] of endpoints) {
  test(`endpoint: ${JSON.stringify(endpoint.slice(0, 40))}`, () => {
    if (typeof want === 'string') assert.equal(parseEndpoint(endpoint), want);
    else assert.throws(() => parseEndpoint(endpoint), { code: 'CRI_ENDPOINT_INVALID', message: want });
  });
}
