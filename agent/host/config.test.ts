import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { run } from '../linux/exec.ts';
import { cniConfig } from '../network/cni.ts';
import { containerdConfig, hasCapability, type RuntimeFacts } from './containerd.ts';
import { holderCommand, inCgroup, inNode } from './enter.ts';
import { kubeletCommand, kubeletConfig } from './kubelet.ts';
import { baseRules, forwardRules } from './nodeRules.ts';
import { nodePaths } from './paths.ts';
import { nodeResolvConf, uplinkAddresses, uplinkCommand } from './uplink.ts';

const PATHS = nodePaths('n1');
const FACTS: RuntimeFacts = { runc: '/usr/sbin/runc', crun: undefined, cniBinDir: '/usr/lib/cni', apparmor: true, mayRaiseOomScore: true };

test('nodePaths: everything that is the node’s own lies below its two directories', () => {
  const { stateDir, runDir } = PATHS;
  const shared = ['name', 'netns', 'cgroupRoot', 'lockFile', 'netnsMarker', 'stateDir', 'runDir', 'logs'];
  const own = Object.entries(PATHS).filter(([key]) => !shared.includes(key));
  for (const [key, path] of [...own, ...Object.entries(PATHS.logs)]) {
    assert.ok(String(path).startsWith(`${stateDir}/`) || String(path).startsWith(`${runDir}/`), `${key}: ${path}`);
  }
});

test('nodePaths: names that are none, and sockets that fit', () => {
  for (const name of ['', 'A', 'a/b', '..', '-a', 'a-', 'a b', 'a'.repeat(31), 'a\n']) {
    assert.throws(() => nodePaths(name), { code: 'NODE_NAME_INVALID' }, JSON.stringify(name));
  }
  const longest = nodePaths('a'.repeat(30));
  // containerd appends .ttrpc, and shims put a 64 digit name below shimDir's stand-in, /run/containerd.
  for (const socket of [`${longest.containerdSocket}.ttrpc`, longest.kubeletSocket, longest.uplinkSocket])
    assert.ok(socket.length <= 107, socket);
});

test('containerdConfig: own places only, and what the machine cannot do is off', () => {
  const text = containerdConfig(PATHS, FACTS);
  for (const match of text.matchAll(/"(\/[^"]*)"/g)) {
    const [, path = ''] = match;
    assert.ok(path.startsWith(PATHS.stateDir) || path.startsWith(PATHS.runDir) || path.startsWith('/usr/'), path);
  }
  assert.match(text, /restrict_oom_score_adj = false\ndisable_apparmor = false/);
  assert.ok(!text.includes('crun'));
  const poor = containerdConfig(PATHS, { ...FACTS, crun: '/usr/bin/crun', apparmor: false, mayRaiseOomScore: false });
  assert.match(poor, /restrict_oom_score_adj = true\ndisable_apparmor = true/);
  assert.match(poor, /runtimes\.crun\.options\]\nSystemdCgroup = false\nBinaryName = "\/usr\/bin\/crun"/);
});

test('hasCapability reads the effective set', () => {
  assert.ok(hasCapability(24n, 'CapPrm:\t0\nCapEff:\t0000000001000000\n'));
  assert.ok(!hasCapability(24n, 'CapEff:\t000001fffeffffff\n'));
});

test('cniConfig: no masquerading by the bridge, no loopback, addresses counted in the node’s own place', () => {
  const config = JSON.parse(cniConfig({ podSubnets: ['10.9.0.0/24'], dataDir: '/d' })) as {
    plugins: { type: string; ipMasq?: boolean; ipam?: object }[];
  };
  assert.deepEqual(
    config.plugins.map(({ type }) => type),
    ['bridge', 'portmap'],
  );
  assert.equal(config.plugins[0]?.ipMasq, false);
  assert.deepEqual(config.plugins[0]?.ipam, {
    type: 'host-local',
    ranges: [[{ subnet: '10.9.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: '/d',
  });
});

test('nodeRules: the base stands alone, the forward is one element or none', () => {
  assert.match(baseRules(['10.9.0.0/24']), /^add table ip kijabi\ndelete table ip kijabi\ntable ip kijabi \{/);
  assert.match(baseRules(['10.9.0.0/24']), /ip saddr \{ 10\.9\.0\.0\/24 \} oifname "tap0" masquerade/);
  assert.equal(forwardRules(18080, undefined), 'flush map ip kijabi forward\n');
  assert.match(
    forwardRules(18080, { address: '10.9.0.2', port: 80 }),
    /\nadd element ip kijabi forward \{ 18080 : 10\.9\.0\.2 \. 80 \}\n$/,
  );
});

test('kubelet: configuration and command line', () => {
  const config = parse(kubeletConfig(PATHS, '/my manifests')) as Record<string, unknown>;
  assert.equal(config['kind'], 'KubeletConfiguration');
  assert.equal(config['staticPodPath'], '/my manifests');
  assert.equal(config['cgroupRoot'], '/kijabi-n1');
  assert.ok(!('clusterDNS' in config));
  const dns = { address: '10.96.0.10', domain: 'cluster.local' };
  const joined = parse(kubeletConfig(PATHS, '/m', { clientCa: '/ca', dns })) as Record<string, unknown>;
  assert.deepEqual([joined['clusterDNS'], joined['clusterDomain']], [['10.96.0.10'], 'cluster.local']);
  assert.deepEqual(kubeletCommand(PATHS, 'worker').slice(1), [
    '--config',
    PATHS.kubeletConfig,
    '--hostname-override',
    'worker',
    '--root-dir',
    PATHS.kubeletDir,
  ]);
});

test('uplink: its addresses, its command line, what programs inside ask for names', () => {
  assert.deepEqual(uplinkAddresses('10.0.3.0/24'), { node: '10.0.3.100', dns: '10.0.3.3' });
  assert.ok(
    uplinkCommand('kijabi-n1', '10.0.3.0/24', '/s').includes('--disable-host-loopback'),
    'the host’s own services are out of reach',
  );
  const host = 'nameserver 127.0.0.53\nsearch corp.example\n# comment\noptions trust-ad\n';
  assert.equal(nodeResolvConf('10.0.3.3', host), 'nameserver 10.0.3.3\nsearch corp.example\noptions trust-ad\n');
});

test('inNode and inCgroup: the program and its arguments arrive as they are', async () => {
  const [program, net, mount, root, cwd, ...rest] = inNode('kijabi-n1', 7, ['a', 'b c']);
  assert.deepEqual([program, net], ['nsenter', '--net=/run/netns/kijabi-n1']);
  assert.deepEqual([mount, root, cwd], ['--mount=/proc/7/ns/mnt', '--root=/proc/7/root', '--wd=/proc/7/root']);
  assert.deepEqual(rest, ['--', 'a', 'b c']);
  const word = fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0'));
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 4 }), async (words) => {
      const { stdout } = await run(inCgroup(['/dev/null', "/dev/../dev/nu'll".replace("'", '')], ['printf', '[%s]', ...words]));
      assert.equal(stdout, words.length === 0 ? '[]' : words.map((text) => `[${text}]`).join(''));
    }),
    { numRuns: 20, examples: [[["it's", '$HOME', '"', '\n', '-n']]] },
  );
});

test('holderCommand: a name server file outside /etc is covered with its directory', () => {
  const script = (target: string | undefined): string =>
    holderCommand(PATHS, { resolvConfTarget: target, unusedCgroup2: undefined }).at(-1) ?? '';
  assert.match(script('/etc/resolv.conf'), /mount --bind '\/run\/kijabi\/n1\/resolv\/resolv\.conf' '\/etc\/resolv\.conf'/);
  assert.match(script('/run/systemd/resolve/stub-resolv.conf'), /mount --bind '\/run\/kijabi\/n1\/resolv' '\/run\/systemd\/resolve'/);
  assert.ok(!script(undefined).includes('resolv'));
  const hybrid = holderCommand(PATHS, { resolvConfTarget: undefined, unusedCgroup2: '/sys/fs/cgroup/unified' }).at(-1) ?? '';
  assert.match(hybrid, /umount '\/sys\/fs\/cgroup\/unified'/);
});
