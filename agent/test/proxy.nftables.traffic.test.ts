/** Real connections through the nftables mode, and its rules put back when somebody takes them away. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { driversOf } from '../kube-proxy/modes.ts';
import { openRuleGeneration } from '../linux/ruleGeneration.ts';
import { ProxyLab } from './harness/proxyLab.ts';
import { trafficTests } from './harness/proxyTraffic.ts';
import { until } from './harness/until.ts';
import { whyNoNetNs } from './proxyNet.ts';

async function whyNotOffered(): Promise<string | undefined> {
  const generation = await openRuleGeneration();
  try {
    return driversOf({ clock: new SystemClock(), generation }).has('nftables') ? undefined : 'modes.ts does not offer mode nftables';
  } finally {
    generation.close();
  }
}

const skip = (await whyNoNetNs()) ?? (await whyNotOffered()) ?? false;
const proxyArgs = ['--proxy-mode=nftables', '--nodeport-addresses=192.0.2.0/24,fd02::/64'];

trafficTests('nftables', { skip, localhostNodePorts: false, proxyArgs });

void describe('rules that somebody changes, nftables', { skip }, () => {
  let lab: ProxyLab;
  before(async () => {
    lab = await ProxyLab.make({ proxyArgs });
  });
  after(() => lab?.close());

  const HOST = '10.96.0.10';
  const answers = async (): Promise<boolean> => 'p1 10.244.1.1' in (await lab.connect(lab.client, { host: HOST, port: 80 }));
  for (const [what, command] of [
    ['the table', 'delete table ip kube-proxy'],
    ['everything', 'flush ruleset'],
    ['the rules of a chain', 'flush chain ip kube-proxy services'],
    ['the elements of a map', 'flush map ip kube-proxy service-ips'],
    ['one element', `delete element ip kube-proxy service-ips { ${HOST} . tcp . 80 }`],
  ] as const) {
    void test(`${what}: back within a moment`, async () => {
      await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
      assert.ok(await answers());
      await lab.node.run('nft', ...command.split(' '));
      await until('it answers again', answers);
      await until(
        'nothing differs any more',
        async () => (JSON.parse(await lab.ask('/explain/drift?output=json')) as { drift: string[] }).drift.length === 0,
      );
      assert.match(lab.log, /had been removed, they are back|Others had changed rules of services/);
    });
  }

  void test('a port that a cluster IP does not have is refused at once', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    for (const from of [lab.client, lab.node, lab.pods[1]!]) {
      assert.deepEqual(await lab.connect(from, { host: HOST, port: 81 }), { ECONNREFUSED: 1 });
    }
  });

  void test('who wrote rules of other tables does not matter, and costs no service', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    await lab.node.run('nft', 'add', 'table', 'ip', 'theirs');
    assert.ok(await answers());
    assert.match(await lab.node.run('nft', 'list', 'tables'), /table ip theirs/);
  });
});
