/** What the nftables mode does with real connections besides the suite of all modes (proxy.traffic.test.ts). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ProxyLab } from './harness/proxyLab.ts';
import { until } from './harness/until.ts';
import { whyNoNetNs } from './proxyNet.ts';

const skip = (await whyNoNetNs()) ?? false;
const proxyArgs = ['--proxy-mode=nftables', '--nodeport-addresses=192.0.2.0/24,fd02::/64'];

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

  void test('node ports are served on the addresses that are listed, and nowhere else', async () => {
    const spec = { type: 'NodePort', clusterIP: HOST, ports: [{ port: 80, nodePort: 30_080 }] };
    await lab.serve({ web: { spec, endpoints: [{ pod: 1 }] } });
    assert.deepEqual(await lab.connect(lab.client, { host: '192.0.2.1', port: 30_080 }), { 'p1 10.244.1.1': 1 });
    assert.deepEqual(await lab.connect(lab.pods[1]!, { host: '10.244.2.1', port: 30_080 }), { ECONNREFUSED: 1 });
    assert.deepEqual(await lab.connect(lab.node, { host: '127.0.0.1', port: 30_080 }), { ECONNREFUSED: 1 });
  });

  void test('shares are equal for a number of endpoints that is no power of two: 3,000 connections over three', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }, { pod: 2 }, { pod: 3 }] } });
    const answers = Object.values(await lab.connect(lab.client, { host: HOST, port: 80, count: 3_000 }));
    assert.equal(answers.length, 3);
    // Five standard deviations.
    for (const n of answers) assert.ok(Math.abs(n - 1_000) < 5 * Math.sqrt(3_000 * (1 / 3) * (2 / 3)), answers.join(' '));
  });

  void test('who wrote rules of other tables does not matter, and costs no service', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    await lab.node.run('nft', 'add', 'table', 'ip', 'theirs');
    assert.ok(await answers());
    assert.match(await lab.node.run('nft', 'list', 'tables'), /table ip theirs/);
  });
});
