import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node } from '#api/kinds/core/node.ts';
import { parseCidr } from '#api/ip.ts';
import { listed, refusals } from '../linux/routes.ts';
import { cniConfig } from './cni.ts';
import { parseFlags } from './flags.ts';
import { planNetwork, wantedOf, type Observed } from './plan.ts';
import { masquerades, tablesIn } from './rules.ts';

const CLUSTER = [parseCidr('10.244.0.0/16')!, parseCidr('fd00:10::/48')!];
const node = (name: string, podCIDRs: readonly string[], ips: readonly string[]): Node =>
  ({
    metadata: { name },
    spec: { podCIDRs, podCIDR: podCIDRs[0] },
    status: { addresses: ips.map((address) => ({ type: 'InternalIP', address })) },
  }) as Node;
const A = node('a', ['10.244.0.0/24', 'fd00:10::/64'], ['192.0.2.1', '2001:db8::1']);
const B = node('b', ['10.244.1.0/24', 'fd00:10:0:1::/64'], ['192.0.2.2', '2001:db8::2']);
const wantedCni = (podSubnets: readonly string[]): string => cniConfig({ podSubnets, dataDir: '/d' });
const NOTHING: Observed = { cni: undefined, wantedCni, routes: [], rules: undefined, forwardingOff: ['net/ipv4/ip_forward'] };

test('a node of two: one route of each family, what leaves the cluster is masqueraded, the configuration comes last', () => {
  const wanted = wantedOf([B, A], 'a', CLUSTER);
  assert.deepEqual(wanted.routes, [
    { to: '10.244.1.0/24', via: '192.0.2.2' },
    { to: 'fd00:10:0:1::/64', via: '2001:db8::2' },
  ]);
  assert.match(wanted.rules, /ip saddr \{ 10\.244\.0\.0\/24 \} ip daddr != \{ 10\.244\.0\.0\/16, 192\.0\.2\.1, 192\.0\.2\.2 \} masquerade/);
  assert.match(wanted.rules, /ip6 saddr \{ fd00:10::\/64 \} ip6 daddr != \{ 2001:db8::1, 2001:db8::2, fd00:10::\/48 \} masquerade/);
  const { actions } = planNetwork(wanted, NOTHING);
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['enableForwarding', 'writeRules', 'changeRoutes', 'writeCni'],
  );
  assert.match(actions.at(-1)!.kind === 'writeCni' ? JSON.stringify(actions.at(-1)) : '', /10\.244\.0\.0\/24.*fd00:10::\/64/);
});

test('before the node has its part, routes and forwarding are there and no pod starts', () => {
  const plan = planNetwork(wantedOf([node('a', [], ['192.0.2.1']), B], 'a', CLUSTER), NOTHING);
  assert.deepEqual(
    plan.actions.map(({ kind }) => kind),
    ['enableForwarding', 'writeRules', 'changeRoutes'],
  );
  assert.match(plan.waitingFor ?? '', /spec\.podCIDR/);
});

test('a node that went loses its route, one that moved gets another, ours that nobody wants go', () => {
  const routes = [
    { to: '10.244.1.0/24', via: '192.0.2.9' },
    { to: '10.244.7.0/24', via: '192.0.2.7' },
  ];
  const wanted = wantedOf([node('a', ['10.244.0.0/24'], []), node('b', ['10.244.1.0/24'], ['192.0.2.2'])], 'a', CLUSTER);
  const [action] = planNetwork(wanted, { ...NOTHING, forwardingOff: [], routes, rules: wanted.rules }).actions;
  assert.deepEqual(action, { kind: 'changeRoutes', set: [{ to: '10.244.1.0/24', via: '192.0.2.2' }], remove: [routes[1]] });
});

for (const [cidr, ips, problem] of [
  ['0.0.0.0/0', ['192.0.2.2'], /"0\.0\.0\.0\/0" of node b is not in --cluster-cidr/],
  ['10.96.0.0/12', ['192.0.2.2'], /"10\.96\.0\.0\/12" of node b/],
  ['10.244.0.0/15', ['192.0.2.2'], /"10\.244\.0\.0\/15" of node b/],
  ['10.244.1.0/24; flush ruleset', ['192.0.2.2'], /flush ruleset" of node b/],
  ['10.244.1.0/24', ['2001:db8::2'], /node b has no InternalIP of the family/],
  ['10.244.1.0/24', ['no address'], /node b has no InternalIP of the family/],
] as const)
  test(`no route, and a word about it: ${cidr} of ${ips.join(' ')}`, () => {
    const wanted = wantedOf([A, node('b', [cidr], ips)], 'a', CLUSTER);
    assert.deepEqual(wanted.routes, []);
    assert.match(wanted.problems.join('\n'), problem);
    assert.doesNotMatch(wanted.rules, /flush ruleset|0\.0\.0\.0/);
  });

test('a node whose address lies in the pods’ network stands in the rules by that network', () => {
  const { rules } = wantedOf([A, node('b', ['10.244.1.0/24'], ['10.244.200.1'])], 'a', CLUSTER);
  assert.match(rules, /ip daddr != \{ 10\.244\.0\.0\/16, 192\.0\.2\.1 \}/);
});

test('whatever is there: carrying out the plan once is enough, and nothing of it was there before', () => {
  const names = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 8 });
  fc.assert(
    fc.property(names, names, fc.boolean(), (others, routed, isKnown) => {
      const nodes = others.map((n) => node(`n${n}`, [`10.244.${n}.0/24`], [`192.0.2.${n}`]));
      const wanted = wantedOf(isKnown ? [A, ...nodes] : nodes, 'a', CLUSTER);
      const routes = new Map(routed.map((n) => [`10.244.${n}.0/24`, `192.0.2.${n % 2 === 0 ? n : 99}`]));
      const observe = (rules: string | undefined, cni: string | undefined): Observed => ({
        ...NOTHING,
        forwardingOff: [],
        routes: [...routes].map(([to, via]) => ({ to, via })),
        rules,
        cni,
      });
      let [rules, cni]: (string | undefined)[] = [undefined, undefined];
      for (const action of planNetwork(wanted, observe(rules, cni)).actions) {
        if (action.kind === 'writeRules') rules = action.text;
        if (action.kind === 'writeCni') cni = action.text;
        if (action.kind !== 'changeRoutes') continue;
        for (const { to, via } of action.remove) {
          assert.equal(routes.get(to), via);
          routes.delete(to);
        }
        for (const { to, via } of action.set) routes.set(to, via);
      }
      assert.deepEqual(planNetwork(wanted, observe(rules, cni)).actions, []);
      assert.equal(routes.size, others.length);
      assert.equal(cni !== undefined, isKnown);
    }),
  );
});

test('rules that were flushed are missed, also where their table stays', () => {
  const { rules } = wantedOf([A, B], 'a', CLUSTER);
  assert.deepEqual(tablesIn(rules), ['ip', 'ip6']);
  assert.deepEqual(tablesIn(wantedOf([node('a', ['fd00:10::/64'], [])], 'a', CLUSTER).rules), ['ip6']);
  const listing = (rule: string): string =>
    `table ip kijabi-network {\n\tchain outbound {\n\t\ttype nat hook postrouting priority 110; policy accept;\n${rule}\t}\n}\n`;
  assert.equal(masquerades(listing('\t\tip saddr 10.244.0.0/24 ip daddr != { 10.244.0.0/16, 192.0.2.1 } masquerade\n')), true);
  for (const flushed of [listing(''), '']) assert.equal(masquerades(flushed), false);
});

test('what ip -batch says of lines it could not do', () => {
  const lines = ['route replace 10.244.1.0/24 via 192.0.2.2 proto 107', 'route replace 10.244.2.0/24 via 8.8.8.8 proto 107'];
  assert.deepEqual(refusals('Error: Nexthop has invalid gateway.\nCommand failed -:2\n', lines), [
    `"${lines[1]}": Nexthop has invalid gateway`,
  ]);
  assert.deepEqual(refusals('', lines), []);
});

test('routes that cannot be listed are not no routes, but for a family that the kernel has not', () => {
  const ip = (exitCode: number, stdout: string, stderr: string) => listed({ exitCode, stdout, stderr });
  assert.deepEqual(ip(0, '[{"dst":"10.244.1.0/24","gateway":"192.0.2.2"}]', ''), [{ dst: '10.244.1.0/24', gateway: '192.0.2.2' }]);
  assert.deepEqual(ip(0, '', ''), []);
  assert.deepEqual(ip(2, '', 'RTNETLINK answers: Operation not supported\nDump terminated\n'), []);
  assert.deepEqual(ip(2, '[', 'Error: ipv4: FIB table does not exist.\nDump terminated\n'), []);
  assert.throws(() => ip(2, '', 'RTNETLINK answers: Operation not permitted\nDump terminated\n'), { code: 'ROUTES_FAILED' });
  assert.throws(() => ip(1, '', ''), /ip ended with 1/);
});

test('flags: what is missing or wrong is said', () => {
  assert.equal(parseFlags(['--cluster-cidr', '10.244.0.0/16,fd00::/48'], 'Box').nodeName, 'box');
  assert.throws(() => parseFlags([], 'box'), /--cluster-cidr is missing/);
  assert.throws(() => parseFlags(['--cluster-cidr', '10.244.0.0'], 'box'), /is no network/);
  assert.throws(() => parseFlags(['--cluster-cidr', '10.0.0.0/16,10.1.0.0/16'], 'box'), /one network of each family/);
  assert.throws(() => parseFlags(['--cluster-cidr', '10.0.0.0/16', '-v', 'x'], 'box'), /--v/);
});
