import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProbes, PROBES, type Facts } from './facts.ts';
import { judge, summary, type Finding } from './preflight.ts';

const OK = { kind: 'ok' } as const;
const WELL: Facts = {
  platform: 'linux',
  arch: 'x64',
  uid: 0,
  kernel: '6.1.0-37-amd64',
  distribution: 'Debian GNU/Linux 12',
  missingCapabilities: [],
  probes: Object.fromEntries(PROBES.map((name) => [name, OK])) as unknown as Facts['probes'],
  cgroup: { mode: 'v2', controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'], writable: OK },
  diskFreeBytes: 20 * 1024 ** 3,
  memoryAvailableBytes: 2 * 1024 ** 3,
  apt: true,
  missingPackages: [],
};
const failed = (why: string): Finding | { kind: 'failed'; why: string } => ({ kind: 'failed', why });

const rows: [why: string, change: Partial<Facts>, kinds: Finding['kind'][], what: RegExp, fix: RegExp][] = [
  ['another system cannot, and nothing else is worth saying', { platform: 'darwin', uid: 501, apt: false }, ['blocks'], /darwin/, /Debian/],
  [
    'not root cannot, and nothing else is known',
    { uid: 1000, cgroup: { mode: 'none', controllers: [], writable: OK } },
    ['blocks'],
    /user 1000/,
    /sudo/,
  ],
  ['an architecture nobody tried is only a note', { arch: 'riscv64' }, ['note'], /riscv64/, /./],
  [
    'root in an ordinary container',
    { missingCapabilities: ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] },
    ['blocks'],
    /CAP_NET_ADMIN, CAP_SYS_ADMIN/,
    /privileged/,
  ],
  ['packages are missing and apt is there: it will install them', { missingPackages: ['containerd'] }, [], /^$/, /^$/],
  [
    'packages are missing and there is no apt',
    { apt: false, missingPackages: ['runc'], distribution: 'Fedora 41' },
    ['blocks'],
    /runc.*Fedora 41/,
    /Debian/,
  ],
  ['all is installed: no apt is no matter', { apt: false }, [], /^$/, /^$/],
  [
    'no overlayfs',
    { probes: { ...WELL.probes, overlayfs: failed('wrong fs type.') as never } },
    ['blocks'],
    /overlayfs.*wrong fs type/,
    /modprobe overlay/,
  ],
  ['a tool that is not there yet: not known, not a problem', { probes: { ...WELL.probes, nftables: { kind: 'unknown' } } }, [], /^$/, /^$/],
  ['no TUN device', { probes: { ...WELL.probes, tun: failed('/dev/net/tun is missing.') as never } }, ['blocks'], /TUN/, /--device/],
  ['no cgroups at all', { cgroup: { mode: 'none', controllers: [], writable: { kind: 'unknown' } } }, ['blocks'], /No cgroup/, /mount/],
  [
    'a Raspberry Pi without the memory controller',
    { cgroup: { mode: 'v2', controllers: ['cpu', 'pids'], writable: OK } },
    ['blocks'],
    /memory/,
    /cgroup_enable=memory/,
  ],
  ['read-only cgroups', { cgroup: { ...WELL.cgroup, writable: failed('EROFS') as never } }, ['blocks'], /EROFS/, /privileged/],
  ['too little disk', { diskFreeBytes: 100 * 1024 ** 2 }, ['blocks'], /100 MiB.*512 MiB/, /space/],
  ['little disk', { diskFreeBytes: 1024 ** 3 }, ['note'], /1\.0 GiB/, /./],
  ['too little memory', { memoryAvailableBytes: 64 * 1024 ** 2 }, ['blocks'], /64 MiB/, /./],
];
for (const [why, change, kinds, what, fix] of rows) {
  test(`judge: ${why}`, () => {
    const findings = judge({ ...WELL, ...change });
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      kinds,
    );
    for (const finding of findings) {
      assert.match(finding.what, what);
      assert.match(finding.fix, fix);
    }
  });
}

test('judge: nothing to say about a proper machine, and all that is wrong with a bad one in one list', () => {
  assert.deepEqual(judge(WELL), []);
  const probes = Object.fromEntries(PROBES.map((name) => [name, failed('no')])) as never;
  const findings = judge({ ...WELL, probes, diskFreeBytes: 0, memoryAvailableBytes: 0, missingCapabilities: ['CAP_SYS_ADMIN'] });
  assert.equal(findings.length, PROBES.length + 3);
  assert.ok(findings.every(({ kind, fix }) => kind === 'blocks' && fix !== ''));
});

test('parseProbes: worked, failed with its reason, not tried', () => {
  assert.deepEqual(parseProbes('namespaces\noverlayfs mount: unknown filesystem type.\n\nveth\n'), {
    namespaces: { kind: 'ok' },
    overlayfs: { kind: 'failed', why: 'mount: unknown filesystem type.' },
    veth: { kind: 'ok' },
  });
});

test('summary: one line', () => {
  assert.equal(summary(WELL), 'Debian GNU/Linux 12, Linux 6.1.0-37-amd64 x64, cgroup v2, 20.0 GiB free');
});
