import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCodeOf, judge, verdictLines, type Facts, type Verdict } from './verdicts.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const GOOD: Facts = {
  nowMs: NOW,
  uid: 0,
  running: false,
  config: { files: ['/k.yaml'], nodeName: 'n', rootDir: '/r' },
  cgroups: { mode: 'v2', controllers: ['cpu', 'memory', 'pids'], root: '/', driver: 'cgroupfs', systemd: false },
  demands: { swapOff: true, cgroupV2: true },
  swap: [],
  kernel: [],
  runtime: { endpoint: 'unix:///c.sock', name: 'containerd', version: '1.7', runtime: '', network: '' },
  ports: [{ field: 'healthzPort', host: '127.0.0.1', port: 10_248 }],
  certificates: [],
  clockSynchronised: true,
  builtAtMs: NOW - 100 * DAY,
  disks: [{ path: '/r', what: 'rootDir' }],
  short: [],
  resolvConf: { path: '/etc/resolv.conf' },
  manifests: { directory: '/m', files: 1, pods: 1, refusals: [] },
};

test('judge: a node where all is well has one line for each check and ends with 0', () => {
  const verdicts = judge(GOOD);
  assert.deepEqual(
    verdicts.map((v) => v.check),
    ['user', 'config', 'cgroups', 'kernel', 'runtime', 'cni', 'ports', 'certificates', 'clock', 'disk', 'dns', 'manifests'],
  );
  assert.ok(verdicts.every((v) => v.outcome === 'ok' && v.fix === undefined));
  assert.equal(exitCodeOf(verdicts), 0);
  assert.equal(verdictLines(verdicts).trimEnd().split('\n').length, verdicts.length);
});

const taken = (field: string, code = 'EADDRINUSE'): Facts['ports'] => [
  { field, host: '0.0.0.0', port: 10_250, problem: { code, text: `listen ${code}`, holder: { pid: 7, command: 'nginx' } } },
];
const certificate = (over: object): Partial<Facts> => ({ certificates: [{ field: 'tlsCertFile', file: '/c', ...over }] });

for (const [name, change, check, outcome, code, text] of [
  [
    'cgroup v1, which was not wanted',
    { cgroups: { mode: 'v1', controllers: ['cpu', 'memory', 'pids'], root: '/', driver: 'cgroupfs', systemd: false } },
    'cgroups',
    'failed',
    'CGROUP_OLD',
    /failCgroupV1/,
  ],
  ['swap', { swap: ['/dev/sda2'] }, 'swap', 'failed', 'SWAP_ON', /swap is on \(\/dev\/sda2\); do: swapoff -a/],
  ['swap that may be', { swap: ['/dev/sda2'], demands: { swapOff: false, cgroupV2: false } }, 'kernel', 'ok', undefined, /may be/],
  [
    'a kernel setting',
    { kernel: [{ name: 'kernel.panic', value: '0', wanted: '10' }] },
    'kernel',
    'failed',
    'KERNEL_SETTINGS',
    /kernel\.panic is 0.*sysctl -w kernel\.panic=10/,
  ],
  ['not root', { uid: 1000 }, 'user', 'failed', 'NOT_ROOT', /user 1000/],
  ['no cgroups', { cgroups: 'No cgroup file system is mounted' }, 'cgroups', 'failed', 'CGROUP_NONE', /mount cgroup2/],
  [
    'a controller missing',
    { cgroups: { mode: 'v2', controllers: ['cpu', 'pids'], root: '/', driver: 'cgroupfs', systemd: false } },
    'cgroups',
    'failed',
    'CGROUP_FAILED',
    /no controller memory/,
  ],
  [
    'cgroups read-only',
    { cgroups: { mode: 'v1', controllers: ['cpu', 'memory', 'pids'], root: '/', driver: 'cgroupfs', systemd: false, problem: 'EROFS' } },
    'cgroups',
    'failed',
    'CGROUP_FAILED',
    /EROFS/,
  ],
  [
    'slices where systemd does not run',
    { cgroups: { mode: 'v2', controllers: ['cpu', 'memory', 'pids'], root: '/', driver: 'systemd', systemd: false } },
    'cgroups',
    'failed',
    'CGROUP_FAILED',
    /systemd does not run here; do: set cgroupDriver: cgroupfs/,
  ],
  [
    'a runtime with the other driver',
    { runtime: { endpoint: 'e', name: 'containerd', version: '1', runtime: '', network: '', cgroupDriver: 'systemd' } },
    'cgroup driver',
    'failed',
    undefined,
    /containerd makes control groups by systemd, the kubelet by cgroupfs.*; do: set cgroupDriver: systemd, or SystemdCgroup = false/,
  ],
  [
    'no runtime: a daemon waits for it',
    { runtime: { endpoint: 'unix:///c', problem: 'ENOENT' } },
    'runtime',
    'failed',
    undefined,
    /systemctl start/,
  ],
  [
    'no network',
    { runtime: { endpoint: 'e', name: 'containerd', version: '1', runtime: '', network: 'NetworkPluginNotReady x' } },
    'cni',
    'failed',
    undefined,
    /NetworkPluginNotReady x; do: put a CNI/,
  ],
  [
    'a taken port',
    { ports: taken('port') },
    'ports',
    'failed',
    'SERVER_PORT_TAKEN',
    /Port 10250 on 0\.0\.0\.0 is taken by process 7 \(nginx\)/,
  ],
  ['a taken healthz port', { ports: taken('healthzPort') }, 'ports', 'failed', 'HEALTHZ_PORT_TAKEN', /or set healthzPort/],
  ['a port held by the kubelet that runs', { ports: taken('port'), running: true }, 'ports', 'ok', undefined, /held by the kubelet/],
  [
    'an address of another machine',
    { ports: taken('healthzPort', 'EADDRNOTAVAIL'), running: true },
    'ports',
    'failed',
    'HEALTHZ_FAILED',
    /set healthzBindAddress/,
  ],
  ['a certificate that cannot be read', certificate({ problem: 'ENOENT' }), 'certificates', 'failed', 'TLS_FILE', /ENOENT/],
  ['a certificate that ended', certificate({ fromMs: 0, untilMs: NOW - DAY }), 'certificates', 'failed', undefined, /ended 2026-05-31/],
  [
    'a certificate of the future',
    certificate({ fromMs: NOW + DAY, untilMs: NOW + 400 * DAY }),
    'certificates',
    'failed',
    undefined,
    /set the clock/,
  ],
  ['a certificate that ends soon', certificate({ fromMs: 0, untilMs: NOW + DAY }), 'certificates', 'warning', undefined, /ends 2026-06-02/],
  ['a clock before the program was made', { nowMs: 0 }, 'clock', 'failed', undefined, /1970-01-01/],
  ['a clock nobody keeps', { clockSynchronised: false }, 'clock', 'warning', undefined, /set-ntp/],
  [
    'a directory nobody may write',
    { disks: [{ path: '/r', what: 'rootDir', problem: 'EROFS' }] },
    'disk',
    'failed',
    undefined,
    /\/r \(rootDir\): EROFS/,
  ],
  [
    'a disk that is nearly full',
    { short: [{ signal: 'nodefs.available', available: 2 ** 20, wanted: 2 ** 30 }] },
    'disk',
    'failed',
    undefined,
    /1 MiB, and pods are evicted below 1024 MiB/,
  ],
  ['no resolv.conf', { resolvConf: { path: '/x', problem: 'ENOENT' } }, 'dns', 'failed', 'RESOLV_CONF_UNREADABLE', /resolvConf/],
  ['no manifest directory', { manifests: { directory: '/m', problem: 'ENOENT' } }, 'manifests', 'failed', undefined, /mkdir -p \/m/],
  [
    'a manifest that is refused',
    { manifests: { directory: '/m', files: 2, pods: 1, refusals: ['a.yaml:1:1: no', 'b'] } },
    'manifests',
    'failed',
    undefined,
    /2 refused: a\.yaml:1:1: no \(and 1 more\)/,
  ],
] satisfies (readonly [string, Partial<Facts>, string, Verdict['outcome'], string | undefined, RegExp])[]) {
  test(`judge: ${name}`, () => {
    const verdicts = judge({ ...GOOD, ...change });
    const worst = verdicts.filter((v) => v.outcome !== 'ok');
    const verdict = worst[0] ?? verdicts.find((v) => v.check === check);
    assert.deepEqual([verdict?.check, verdict?.outcome, verdict?.code], [check, outcome, code]);
    assert.equal(worst.length, outcome === 'ok' ? 0 : 1, 'nothing else is wrong');
    assert.match(verdictLines(verdicts), text);
    assert.equal(exitCodeOf(verdicts), outcome === 'failed' ? 1 : 0);
    assert.equal(verdict?.fix === undefined, outcome === 'ok', 'what is wrong has a next step');
  });
}
