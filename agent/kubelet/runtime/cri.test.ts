import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CriClient } from '#cri/client.ts';
import { CriRuntime } from './cri.ts';

test('tellPodCidr: the network goes where the CRI has it', async () => {
  const asked: unknown[] = [];
  const client = { runtime: { updateRuntimeConfig: (request: unknown) => (asked.push(request), Promise.resolve({})) } };
  await new CriRuntime(client as unknown as CriClient).tellPodCidr('10.1.0.0/24', new AbortController().signal);
  assert.deepEqual(asked, [{ runtime_config: { network_config: { pod_cidr: '10.1.0.0/24' } } }]);
});
