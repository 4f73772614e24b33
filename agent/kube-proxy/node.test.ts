import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlags } from './config/flags.ts';
import { settingsOf, type Settings } from './config/settings.ts';
import { conntrackLimit, nodeIpOf, nodePortScope, proxySettings, sysctlWishes, type NodeFacts } from './node.ts';

const settings = (...argv: string[]): Settings => settingsOf(parseFlags(argv), undefined);
const FACTS: NodeFacts = {
  name: 'n',
  addresses: ['192.168.56.11', '10.0.2.15', 'fd00::5', 'fe80::1', '127.0.0.1', '::1'],
  conntrackLiberal: false,
};
const scope = (list: string, family: 'IPv4' | 'IPv6' = 'IPv4', mode = 'iptables'): unknown => {
  const s = settings(`--proxy-mode=${mode}`, ...(list === '' ? [] : [`--nodeport-addresses=${list}`]));
  const found = nodePortScope(s, { family, addresses: FACTS.addresses, nodeIp: nodeIpOf(s, FACTS, family) });
  return found.kind === 'all' ? 'all' : found.ips;
};

for (const [list, family, mode, want] of [
  ['', 'IPv4', 'iptables', 'all'],
  ['', 'IPv4', 'nftables', ['192.168.56.11']],
  ['primary', 'IPv4', 'iptables', ['192.168.56.11']],
  ['primary', 'IPv6', 'iptables', ['fd00::5']],
  ['10.0.0.0/8,localhost', 'IPv4', 'iptables', ['10.0.2.15', '127.0.0.1']],
  ['10.0.0.0/8', 'IPv6', 'iptables', []],
  ['all', 'IPv6', 'nftables', 'all'],
  ['0.0.0.0/0', 'IPv4', 'nftables', 'all'],
] as const) {
  test(`nodePortScope: "${list}" for ${family} in mode ${mode}`, () => assert.deepEqual(scope(list, family, mode), want));
}

test('nodeIpOf: the configured address, else the one of the default route; never loopback or link-local', () => {
  assert.equal(nodeIpOf(settings(), FACTS, 'IPv4'), '192.168.56.11');
  assert.equal(nodeIpOf(settings('--bind-address=10.0.2.15'), FACTS, 'IPv4'), '10.0.2.15');
  assert.equal(nodeIpOf(settings('--bind-address=10.0.2.15'), FACTS, 'IPv6'), 'fd00::5');
  assert.equal(nodeIpOf(settings(), { ...FACTS, addresses: ['127.0.0.1', 'fe80::1'] }, 'IPv6'), undefined);
});

test('proxySettings: local traffic by family, localhost node ports where they can be', () => {
  const both = settings('--cluster-cidr=10.244.0.0/16,fd44::/48');
  assert.deepEqual(proxySettings(both, FACTS, 'IPv6').localTraffic, { kind: 'cidr', cidr: 'fd44::/48' });
  assert.deepEqual(
    [proxySettings(both, FACTS, 'IPv4').localhostNodePorts, proxySettings(both, FACTS, 'IPv6').localhostNodePorts],
    [true, false],
  );
  assert.equal(proxySettings(settings('--nodeport-addresses=10.0.0.0/8'), FACTS, 'IPv4').localhostNodePorts, false);
  assert.deepEqual(proxySettings(settings(), FACTS, 'IPv4').localTraffic, { kind: 'unknown' });
  assert.deepEqual(
    proxySettings(settings('--detect-local-mode=NodeCIDR'), { ...FACTS, podCidrs: ['10.244.1.0/24'] }, 'IPv4').localTraffic,
    { kind: 'cidr', cidr: '10.244.1.0/24' },
  );
  assert.throws(() => proxySettings(settings('--detect-local-mode=NodeCIDR'), FACTS, 'IPv4'), /needs the Node object/);
});

for (const [perCore, min, cores, want] of [
  [32_768, 131_072, 2, 131_072],
  [32_768, 131_072, 8, 262_144],
  [32_768, 131_072, 128, 1_048_576],
  [0, 131_072, 8, undefined],
] as const) {
  test(`conntrackLimit: ${perCore} per core, at least ${min}, ${cores} cores`, () => {
    const { conntrack } = settings(`--conntrack-max-per-core=${perCore}`, `--conntrack-min=${min}`);
    assert.equal(conntrackLimit(conntrack, cores), want);
  });
}

test('sysctlWishes: what is not configured is not touched', () => {
  const names = (...argv: string[]): string[] =>
    sysctlWishes(settings(...argv), { cores: 2, localhostNodePorts: false }).map(
      (w) => `${w.name.replace('net/netfilter/nf_conntrack_', '')}=${w.value}`,
    );
  assert.deepEqual(names(), ['max=131072', 'tcp_timeout_established=86400', 'tcp_timeout_close_wait=3600']);
  assert.deepEqual(
    names('--conntrack-max-per-core=0', '--conntrack-tcp-timeout-established=0', '--conntrack-tcp-timeout-close-wait=0s'),
    [],
  );
  assert.deepEqual(
    names(
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0s',
      '--conntrack-udp-timeout=20s',
      '--conntrack-tcp-be-liberal',
    ),
    ['tcp_be_liberal=1', 'udp_timeout=20'],
  );
});
