/**
 * Real connections through the ipvs mode; run inside the virtual machine by proxy.vm.ts, which leaves out the one test of the common
 * suite that this mode does otherwise: under externalTrafficPolicy Local pods get the endpoints of this node too.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CLIENT, NODE, ProxyLab, podIp, type LabEndpoint, type LabService } from '../harness/proxyLab.ts';
import { trafficTests } from '../harness/proxyTraffic.ts';
import { until } from '../harness/until.ts';
import { upstreamIpvs } from '../harness/upstreamProxy.ts';

const MAIN = new URL('../../kube-proxy/main.ts', import.meta.url).pathname;
const proxyArgs = ['--proxy-mode=ipvs'];

trafficTests('ipvs', { skip: false, localhostNodePorts: false, affinityEnds: 'late', proxyArgs });

void describe('what the ipvs mode does otherwise', () => {
  let lab: ProxyLab;
  before(async () => {
    lab = await ProxyLab.make({ proxyArgs });
  });
  after(() => lab?.close());

  const HOST = '10.96.0.10';
  const VIP = '203.0.113.10';
  const local = (endpoints: readonly LabEndpoint[]): Record<string, LabService> => ({
    web: {
      spec: {
        type: 'LoadBalancer',
        clusterIP: HOST,
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32_000,
        ports: [{ port: 80, nodePort: 30_080 }],
      },
      endpoints,
      loadBalancerIp: VIP,
    },
  });

  void test('externalTrafficPolicy Local: everybody gets the endpoints of this node, clients keep their address', async () => {
    await lab.serve(local([{ pod: 1 }, { pod: 2, local: false }]));
    for (const [host, port] of [
      [NODE.IPv4, 30_080],
      [VIP, 80],
    ] as const) {
      assert.deepEqual(await lab.connect(lab.client, { host, port, count: 20 }), { [`p1 ${CLIENT.IPv4}`]: 20 });
    }
    assert.deepEqual(Object.keys(await lab.connect(lab.pods[2]!, { host: VIP, port: 80, count: 10 })), ['p1 10.244.3.2']);
  });

  void test('externalTrafficPolicy Local without endpoints here: outsiders get no answer, pods and the node those of other nodes', async () => {
    await lab.serve(local([{ pod: 2, local: false }]));
    assert.deepEqual(await lab.connect(lab.client, { host: NODE.IPv4, port: 30_080 }), { 'no answer': 1 });
    assert.deepEqual(await lab.connect(lab.client, { host: VIP, port: 80 }), { 'no answer': 1 });
    assert.deepEqual(Object.keys(await lab.connect(lab.pods[2]!, { host: VIP, port: 80 })), ['p2 10.244.3.2']);
    assert.match(Object.keys(await lab.connect(lab.node, { host: VIP, port: 80 }))[0] ?? '', /^p2 /);
  });

  void test('a port that the address of a service does not have is refused, although the node listens there', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    // The health port of the proxy itself is on all addresses of the node.
    assert.deepEqual(await lab.connect(lab.client, { host: HOST, port: 10_256 }), { ECONNREFUSED: 1 });
  });

  void test('an endpoint that leaves keeps its connections with weight 0, and goes when they have ended', async () => {
    const web = (...pods: number[]): Record<string, LabService> => ({
      web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: pods.map((pod) => ({ pod })) },
    });
    await lab.serve(web(1));
    const connection = await lab.hold(lab.client, ['hold', HOST, '80']);
    assert.match(await connection.say(), /^p1 /);
    await lab.serve(web(2));
    assert.match(await connection.say(), /^p1 /);
    assert.match(await lab.node.run('ipvsadm', '-Ln', '-t', `${HOST}:80`), /-> 10\.244\.1\.2:8080 +Masq +0 +1 /);
    assert.deepEqual(Object.keys(await lab.connect(lab.client, { host: HOST, port: 80, count: 10 })), ['p2 10.244.2.1']);
    connection.reset();
    await until('the endpoint has gone', async () => !(await lab.node.run('ipvsadm', '-Ln')).includes('10.244.1.2'));
    await connection.close();
  });

  void test('virtual servers that somebody removes come back', async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    await lab.node.run('ipvsadm', '-C');
    await until('it answers again', async () => 'p1 10.244.1.1' in (await lab.connect(lab.client, { host: HOST, port: 80 })));
  });

  void test("from upstream's ipvs mode and back: connections go on, and no stale chain, set or server is left", async () => {
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }, { pod: 2 }] } });
    await lab.stopProxy();
    await lab.node.run(process.execPath, '--disable-warning=ExperimentalWarning', MAIN, '--cleanup');
    const web = { name: 'lab/web', clusterIp: HOST, port: 80, endpoints: [`${podIp(1)}:8080`, `${podIp(2)}:8080`] };
    const gone = { name: 'lab/gone:http', clusterIp: '10.96.9.9', port: 80, endpoints: ['10.244.9.9:80'] };
    const all = async (): Promise<string> =>
      (await Promise.all([lab.node.run('iptables-save'), lab.node.run('ipset', 'save'), lab.node.run('ipvsadm', '-Sn')])).join('\n') +
      (await lab.node.run('ip', '-o', 'address', 'show', 'kube-ipvs0'));
    await lab.node.run('sh', '-c', upstreamIpvs([web, gone], '10.244.0.0/16'));
    const connection = await lab.hold(lab.client, ['hold', HOST, '80']);
    const said = await connection.say();
    assert.match(said, /^p[12] /);
    await lab.startProxy();
    assert.doesNotMatch(await all(), /10\.96\.9\.9|10\.244\.9\.9|203\.0\.113\.77/);
    assert.doesNotMatch(await lab.node.run('iptables-save', '-t', 'filter'), /KUBE-IPVS-OUT-FILTER/);
    assert.equal(await connection.say(), said);
    assert.deepEqual(Object.keys(await lab.connect(lab.client, { host: HOST, port: 80, count: 10 })).length, 2);
    await lab.stopProxy();
    await lab.node.run('sh', '-c', upstreamIpvs([web], '10.244.0.0/16'));
    assert.equal(await connection.say(), said, 'and it takes over what is established');
    assert.deepEqual(Object.keys(await lab.connect(lab.client, { host: HOST, port: 80, count: 10 })).length, 2);
    // What upstream does not know of ours, as the README says: an empty set each, and rules of source ranges that read upstream's sets.
    assert.match(await lab.node.run('iptables-save', '-t', 'mangle'), /:KUBE-IPVS-OUT-FILTER /);
    const known = upstreamIpvs([], '');
    const isUnknown = (name: string): boolean => !name.startsWith('KUBE-6-') && !known.includes(` ${name} `);
    const sets = (await lab.node.run('ipset', 'list', '-n')).trim().split('\n').filter(isUnknown);
    assert.deepEqual(sets.sort(), ['KUBE-NO-LOCAL-CLUSTER-IP', 'KUBE-NO-LOCAL-IP']);
    await connection.close();
    await lab.startProxy();
  });

  void test('another mode takes over without a trace of this one, this one without a trace of it, and --cleanup leaves nothing', async () => {
    const node = (...argv: [string, ...string[]]): Promise<string> => lab.node.run(...argv);
    const traces = async (): Promise<Record<string, boolean>> => ({
      device: (await node('ip', '-br', 'link')).includes('kube-ipvs0'),
      servers: (await node('ipvsadm', '-Sn')).trim() !== '',
      sets: /KUBE-/.test(await node('ipset', 'list', '-n')),
      serviceChains: /KUBE-SVC-/.test(await node('iptables-save')),
      ipvsChains: /KUBE-(NODE-PORT|LOAD-BALANCER|IPVS-FILTER)/.test(await node('iptables-save')),
      nftables: /table ip kube-proxy/.test(await node('nft', 'list', 'tables')),
    });
    const nothing = { device: false, servers: false, sets: false, serviceChains: false, ipvsChains: false, nftables: false };
    const ipvs = { ...nothing, device: true, servers: true, sets: true, ipvsChains: true };
    const answers = async (): Promise<string> => Object.keys(await lab.connect(lab.client, { host: HOST, port: 80 })).join();
    await lab.serve({ web: { spec: { clusterIP: HOST, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] } });
    assert.deepEqual(await traces(), ipvs);
    for (const [args, want] of [
      [[], { ...nothing, serviceChains: true }],
      [proxyArgs, ipvs],
      [['--proxy-mode=nftables'], { ...nothing, nftables: true }],
      [proxyArgs, ipvs],
    ] as const) {
      await lab.stopProxy();
      await lab.startProxy(args);
      assert.deepEqual(await traces(), want, args.join());
      assert.match(await answers(), /^p1 /, args.join());
    }
    await lab.stopProxy();
    await node(process.execPath, '--disable-warning=ExperimentalWarning', MAIN, '--cleanup');
    assert.deepEqual(await traces(), nothing);
  });
});
