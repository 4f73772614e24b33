import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { CgroupNames } from './cgroupNames.ts';

const pod = (resources: object = {}): Pod => ({
  metadata: { name: 'a', uid: '12-34-ab' },
  spec: { containers: [{ name: 'c', image: 'i', resources }] },
});
const burstable = pod({ requests: { cpu: '100m' } });
const guaranteed = pod({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } });

const CASES: [string, (names: CgroupNames) => string, cgroupfs: string, systemd: string][] = [
  ['all pods', (n) => n.ofClass('Guaranteed'), '/kubepods', '/kubepods.slice'],
  ['a class', (n) => n.ofClass('BestEffort'), '/kubepods/besteffort', '/kubepods.slice/kubepods-besteffort.slice'],
  ['a guaranteed pod', (n) => n.ofPod(guaranteed), '/kubepods/pod12-34-ab', '/kubepods.slice/kubepods-pod12_34_ab.slice'],
  [
    'a burstable pod',
    (n) => n.ofPod(burstable),
    '/kubepods/burstable/pod12-34-ab',
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34_ab.slice',
  ],
  [
    'a container',
    (n) => n.ofContainer(pod(), 'c0ffee'),
    '/kubepods/besteffort/pod12-34-ab/c0ffee',
    '/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod12_34_ab.slice/cri-containerd-c0ffee.scope',
  ],
];

for (const [what, path, cgroupfs, systemd] of CASES)
  test(`the control group of ${what}`, () => {
    assert.equal(path(new CgroupNames('/')), cgroupfs);
    assert.equal(path(new CgroupNames('/', 'systemd')), systemd);
  });

test('a root of its own comes before all names', () => {
  assert.equal(new CgroupNames('/a/b-c/').ofClass('Guaranteed'), '/a/b-c/kubepods');
  assert.equal(new CgroupNames('/a/b-c', 'systemd').ofClass('Guaranteed'), '/a.slice/a-b_c.slice/a-b_c-kubepods.slice');
});

for (const driver of ['cgroupfs', 'systemd'] as const)
  test(`whose class is forgotten is found (${driver})`, () => {
    const names = new CgroupNames('/', driver);
    for (const one of [pod(), burstable, guaranteed]) assert.ok(names.ofUid('12-34-ab').includes(names.ofPod(one)));
    assert.equal(names.ofUid('x').length, 3);
  });
