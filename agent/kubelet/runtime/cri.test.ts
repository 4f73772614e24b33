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

const config = (options: object): string =>
  JSON.stringify({ containerd: { defaultRuntimeName: 'runc', runtimes: { runc: { options }, other: { options: {} } } } });

for (const [what, info, cgroupDriver] of [
  ['systemd, as containerd says it of its default runtime', { config: config({ SystemdCgroup: true }) }, 'systemd'],
  ['cgroupfs', { config: config({ SystemdCgroup: false }) }, 'cgroupfs'],
  ['cgroupfs, by not saying anything', { config: config({}) }, 'cgroupfs'],
  ['a runtime that tells nothing', {}, undefined],
  ['a runtime that tells something else', { config: '{"containerd":7}' }, undefined],
] as const) {
  test(`identify: ${what}`, async () => {
    const client = {
      runtime: {
        version: async () => ({ runtime_name: 'containerd', runtime_version: '1' }),
        status: async (request: { verbose?: boolean }) => ({
          features: null,
          runtime_handlers: [],
          info: request.verbose === true ? info : {},
        }),
      },
    };
    const found = await new CriRuntime(client as unknown as CriClient).identify(new AbortController().signal);
    assert.equal(found.cgroupDriver, cgroupDriver);
  });
}
