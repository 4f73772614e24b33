import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '#base/errors.ts';
import { runtimeTrouble } from './trouble.ts';

const ID = 'aa6ff2dfd2273d69b7602a919488ac12f3aa80f47458c1dd5d6452f32a99fa50';
const told = (text: string, code = 'CRI_FAILED'): string => {
  const err = runtimeTrouble(new AppError(code, text, { text }));
  assert.ok(err instanceof AppError);
  assert.equal(err.facts['text'], text, 'the runtime’s own words are kept');
  return `${err.code} ${err.message}`;
};

for (const [name, text, want] of [
  [
    'no CNI configuration',
    `RunPodSandbox failed: failed to setup network for sandbox "${ID}": cni plugin not initialized`,
    /^NETWORK_NOT_CONFIGURED No pod network is configured: put a CNI configuration/,
  ],
  [
    'a CNI plugin that is not there',
    `RunPodSandbox failed: failed to setup network for sandbox "${ID}": plugin type="bridge" failed (add): failed to find plugin "bridge" in path [/opt/cni/bin]`,
    /^NETWORK_PLUGIN_MISSING The CNI plugin bridge is not in \/opt\/cni\/bin: install it there \(Debian: containernetworking-plugins/,
  ],
  [
    'no address left',
    `RunPodSandbox failed: failed to setup network for sandbox "${ID}": plugin type="bridge" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.88.0.1-10.88.0.2`,
    /^NETWORK_FULL The pod network has no free address left \(10\.88\.0\.1-10\.88\.0\.2\): /,
  ],
  [
    'no pause image',
    'RunPodSandbox failed: failed to get sandbox image "registry.k8s.io/pause:3.6": failed to pull image "registry.k8s.io/pause:3.6": no route to host',
    /^SANDBOX_IMAGE_MISSING The runtime cannot get its own image registry\.k8s\.io\/pause:3\.6 .*: failed to pull image .*: no route to host$/,
  ],
  [
    'a full disk',
    `CreateContainer failed: failed to create container "${ID}": write /x/${ID}/config.json: no space left on device`,
    /^DISK_FULL No space left on the runtime's disk, free some \(df -h\): CreateContainer failed: failed to create container: write \/x\/\/config\.json: no space left on device$/,
  ],
  [
    'anything else, without the id of what was made in vain',
    `RunPodSandbox failed: failed to setup network for sandbox "${ID}": the switch is off`,
    /^CRI_FAILED RunPodSandbox failed: failed to setup network for sandbox: the switch is off$/,
  ],
  [
    'what has no id, as it is',
    'StartContainer failed: exec: "/nope": not found',
    /^CRI_FAILED StartContainer failed: exec: "\/nope": not found$/,
  ],
] as const) {
  test(`runtimeTrouble: ${name}`, () => assert.match(told(text), want));
}

test('runtimeTrouble: two attempts at the same thing say the same', () => {
  const at = (id: string): string => told(`RunPodSandbox failed: failed to reserve sandbox name: name is reserved for "${id}"`);
  assert.equal(at(ID), at(ID.replaceAll('a', 'b')));
});

test('runtimeTrouble: other codes and other errors are left alone', () => {
  assert.equal(told('no space left on device', 'CRI_UNAVAILABLE'), 'CRI_UNAVAILABLE no space left on device');
  for (const err of [new TypeError('x'), 'text', undefined]) assert.equal(runtimeTrouble(err), err);
});
