import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { notNamespaced, sysctlName, sysctlRefusal, sysctlsOf } from './sysctls.ts';

const pod = (name: string, spec: object = {}): Pod => ({
  metadata: {},
  spec: { containers: [], securityContext: { sysctls: [{ name, value: '1' }] }, ...spec },
});

test('sysctlName: slashes and dots change places when a slash comes first', () => {
  assert.deepEqual(['net.ipv4.x', 'net/ipv4/x', 'net/ipv4/conf/eth0.1/y', 'net.ipv4/x'].map(sysctlName), [
    'net.ipv4.x',
    'net.ipv4.x',
    'net.ipv4.conf.eth0/1.y',
    'net.ipv4/x',
  ]);
  assert.deepEqual(sysctlsOf(pod('net/ipv4/x')), { 'net.ipv4.x': '1' });
});

for (const [name, given, allowed, want] of [
  ['a safe one', pod('net.ipv4.tcp_syncookies'), [], undefined],
  ['a safe one, with slashes', pod('net/ipv4/tcp_syncookies'), [], undefined],
  ['one that is not', pod('kernel.msgmax'), [], 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
  ['one that the node allows', pod('kernel.msgmax'), ['kernel.msgmax'], undefined],
  ['one by a prefix', pod('net.core.somaxconn'), ['net.core.*'], undefined],
  ['one that only begins alike', pod('kernel.msgmaxx'), ['kernel.msgmax'], 'forbidden sysctl: "kernel.msgmaxx" not allowlisted'],
  [
    "the node's network",
    pod('net.core.somaxconn', { hostNetwork: true }),
    ['net.*'],
    'forbidden sysctl: "net.core.somaxconn" not allowed with host net enabled',
  ],
  [
    "the node's IPC",
    pod('kernel.shm_rmid_forced', { hostIPC: true }),
    [],
    'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
  ],
] as const) {
  test(`sysctlRefusal: ${name}`, () => assert.equal(sysctlRefusal(given, allowed)?.message, want));
}

test('notNamespaced: what a pod would change for the whole machine', () => {
  assert.deepEqual(notNamespaced(['kernel.msg*', 'net.core.x', 'fs.mqueue.msg_max', 'vm.swappiness', 'kernel.panic']), [
    'vm.swappiness',
    'kernel.panic',
  ]);
});
