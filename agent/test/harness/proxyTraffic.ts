/** Real traffic through services: the same tests for every mode. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CLIENT, NODE, ProxyLab, podIp, type LabOptions, type LabService } from './proxyLab.ts';
import { PATIENCE, until } from './until.ts';

export interface TrafficOptions extends LabOptions {
  readonly skip: string | false;
  /** Node ports are served on 127.0.0.1 too. */
  readonly localhostNodePorts: boolean;
  /** IPVS holds on to an endpoint for as long as one of its connections is remembered: two minutes and more. Default: when it says. */
  readonly affinityEnds?: 'late';
}

const IP = '10.96.0.10';
const IP6 = 'fd96::10';
const PORT = { port: 80 };
const CONNECTIONS = PATIENCE > 1 ? 400 : 2_000;
const on = (...pods: number[]): LabService['endpoints'] => pods.map((pod) => ({ pod }));
const who = (answers: Record<string, number>): Record<string, number> => {
  const byPod: Record<string, number> = {};
  for (const [answer, n] of Object.entries(answers)) byPod[answer.split(' ')[0] ?? ''] = (byPod[answer.split(' ')[0] ?? ''] ?? 0) + n;
  return byPod;
};

export function trafficTests(name: string, { skip, localhostNodePorts, affinityEnds, ...options }: TrafficOptions): void {
  void describe(`traffic, ${name}`, { skip }, () => {
    let lab: ProxyLab;
    before(async () => {
      lab = await ProxyLab.make(options);
    });
    after(() => lab?.close());

    void test('a cluster IP spreads connections evenly over its endpoints', async () => {
      await lab.serve({ web: { spec: { clusterIP: IP, ports: [PORT] }, endpoints: on(1, 2) } });
      const answers = who(await lab.connect(lab.client, { host: IP, port: 80, count: CONNECTIONS }));
      assert.deepEqual(Object.keys(answers).sort(), ['p1', 'p2']);
      // Five standard deviations of a fair coin: fails once in 1.7 million runs.
      assert.ok(Math.abs((answers['p1'] ?? 0) - CONNECTIONS / 2) < 5 * Math.sqrt(CONNECTIONS / 4), JSON.stringify(answers));
    });

    void test('a pod keeps its address, a client outside is masqueraded, an endpoint reaches itself', async () => {
      await lab.serve({ web: { spec: { clusterIP: IP, ports: [PORT] }, endpoints: on(1) } });
      assert.deepEqual(await lab.connect(lab.pods[2]!, { host: IP, port: 80 }), { [`p1 ${podIp(3)}`]: 1 });
      assert.deepEqual(await lab.connect(lab.client, { host: IP, port: 80 }), { 'p1 10.244.1.1': 1 });
      assert.deepEqual(await lab.connect(lab.pods[0]!, { host: IP, port: 80 }), { 'p1 10.244.1.1': 1 });
      assert.deepEqual(who(await lab.connect(lab.node, { host: IP, port: 80 })), { p1: 1 });
    });

    void test('node ports answer on the address of the node, external addresses too', async () => {
      await lab.serve({
        web: {
          spec: { type: 'NodePort', clusterIP: IP, externalIPs: ['198.51.100.7'], ports: [{ ...PORT, nodePort: 30_080 }] },
          endpoints: on(1, 2),
        },
      });
      assert.deepEqual(Object.keys(who(await lab.connect(lab.client, { host: NODE.IPv4, port: 30_080, count: 30 }))).sort(), ['p1', 'p2']);
      assert.deepEqual(Object.keys(who(await lab.connect(lab.client, { host: '198.51.100.7', port: 80, count: 30 }))).sort(), ['p1', 'p2']);
      assert.deepEqual(Object.keys(who(await lab.connect(lab.node, { host: NODE.IPv4, port: 30_080, count: 30 }))).sort(), ['p1', 'p2']);
      assert.deepEqual(Object.keys(who(await lab.connect(lab.pods[0]!, { host: NODE.IPv4, port: 30_080, count: 30 }))).sort(), [
        'p1',
        'p2',
      ]);
      // An external address that is the node's own is taken for the port of the service alone.
      await lab.serve({ web: { spec: { clusterIP: IP, externalIPs: [NODE.IPv4], ports: [PORT] }, endpoints: on(1) } });
      assert.deepEqual(who(await lab.connect(lab.client, { host: NODE.IPv4, port: 80 })), { p1: 1 });
      assert.deepEqual(await lab.connect(lab.client, { host: NODE.IPv4, port: 81 }), { ECONNREFUSED: 1 });
    });

    void test('node ports on 127.0.0.1, where the mode has them', async () => {
      await lab.serve({
        web: { spec: { type: 'NodePort', clusterIP: IP, ports: [{ ...PORT, nodePort: 30_080 }] }, endpoints: on(1, 2) },
      });
      if (!localhostNodePorts) assert.deepEqual(await lab.connect(lab.node, { host: '127.0.0.1', port: 30_080 }), { ECONNREFUSED: 1 });
      if (localhostNodePorts)
        assert.deepEqual(Object.keys(who(await lab.connect(lab.node, { host: '127.0.0.1', port: 30_080, count: 30 }))).sort(), [
          'p1',
          'p2',
        ]);
    });

    void test('externalTrafficPolicy Local keeps the client and this node, and load balancers are told', async () => {
      const spec = {
        type: 'LoadBalancer',
        clusterIP: IP,
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 32_000,
        ports: [{ ...PORT, nodePort: 30_080 }],
      };
      const endpoints = [{ pod: 1 }, { pod: 2, local: false }];
      await lab.serve({ web: { spec, endpoints, loadBalancerIp: '203.0.113.10' } });
      for (const [host, port] of [
        [NODE.IPv4, 30_080],
        ['203.0.113.10', 80],
      ] as const) {
        assert.deepEqual(await lab.connect(lab.client, { host, port, count: 20 }), { [`p1 ${CLIENT.IPv4}`]: 20 });
      }
      assert.deepEqual(
        Object.keys(who(await lab.connect(lab.pods[2]!, { host: '203.0.113.10', port: 80, count: 30 }))).sort(),
        ['p1', 'p2'],
        'pods use all',
      );
      const health = async (): Promise<string> => lab.client.run('curl', '-s', '-w', ' %{http_code}', `http://${NODE.IPv4}:32000/`);
      assert.match(await health(), /"localEndpoints": 1[^]* 200$/);
      await lab.serve({ web: { spec, endpoints: [{ pod: 2, local: false }], loadBalancerIp: '203.0.113.10' } });
      assert.match(await health(), /"localEndpoints": 0[^]* 503$/);
      assert.deepEqual(await lab.connect(lab.client, { host: NODE.IPv4, port: 30_080 }), { 'no answer': 1 });
    });

    void test('internalTrafficPolicy Local stays on this node', async () => {
      const spec = { clusterIP: IP, internalTrafficPolicy: 'Local', ports: [PORT] };
      await lab.serve({ web: { spec, endpoints: [{ pod: 1 }, { pod: 2, local: false }] } });
      assert.deepEqual(who(await lab.connect(lab.pods[2]!, { host: IP, port: 80, count: 20 })), { p1: 20 });
      await lab.serve({ web: { spec, endpoints: [{ pod: 2, local: false }] } });
      assert.deepEqual(await lab.connect(lab.pods[2]!, { host: IP, port: 80 }), { 'no answer': 1 });
    });

    void test('loadBalancerSourceRanges admit who is in them', async () => {
      const spec = (range: string): LabService => ({
        spec: { type: 'LoadBalancer', clusterIP: IP, loadBalancerSourceRanges: [range], ports: [{ ...PORT, nodePort: 30_080 }] },
        endpoints: on(1),
        loadBalancerIp: '203.0.113.10',
      });
      await lab.serve({ web: spec('192.0.2.0/24') });
      assert.deepEqual(who(await lab.connect(lab.client, { host: '203.0.113.10', port: 80 })), { p1: 1 });
      await lab.serve({ web: spec('192.0.3.0/24') });
      assert.deepEqual(await lab.connect(lab.client, { host: '203.0.113.10', port: 80 }), { 'no answer': 1 });
      assert.deepEqual(who(await lab.connect(lab.client, { host: NODE.IPv4, port: 30_080 })), { p1: 1 }, 'node ports know no ranges');
    });

    void test('sessionAffinity ClientIP keeps a client with its endpoint', async () => {
      await lab.serve({ web: { spec: { clusterIP: IP, sessionAffinity: 'ClientIP', ports: [PORT] }, endpoints: on(1, 2, 3) } });
      for (const from of [lab.client, lab.pods[0]!, lab.pods[1]!]) {
        const answers = who(await lab.connect(from, { host: IP, port: 80, count: 30 }));
        assert.deepEqual(Object.values(answers), [30], JSON.stringify(answers));
      }
    });

    void test('sessionAffinity ends with its time-out', { skip: affinityEnds === 'late' && 'IPVS forgets later' }, async () => {
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: 1 } };
      const spec = { clusterIP: IP, sessionAffinity: 'ClientIP', sessionAffinityConfig, ports: [PORT] };
      await lab.serve({ web: { spec, endpoints: on(1, 2, 3) } });
      const ask = async (): Promise<string> => Object.keys(who(await lab.connect(lab.client, { host: IP, port: 80 }))).join();
      const first = await ask();
      let askedAtMs = performance.now();
      // The kernel's clock cannot be moved. Each connection starts the time anew.
      await until('another endpoint answers', async () => {
        if (performance.now() - askedAtMs < 1_100) return false;
        const now = await ask();
        askedAtMs = performance.now();
        return now !== first;
      });
    });

    void test('endpoints that terminate serve while nothing else does', async () => {
      const web = (...endpoints: LabService['endpoints']): Record<string, LabService> => ({
        web: { spec: { clusterIP: IP, ports: [PORT] }, endpoints },
      });
      const ending = { ready: false, serving: true, terminating: true };
      await lab.serve(web({ pod: 1, conditions: ending }, { pod: 2 }));
      assert.deepEqual(who(await lab.connect(lab.client, { host: IP, port: 80, count: 20 })), { p2: 20 });
      await lab.serve(web({ pod: 1, conditions: ending }, { pod: 2, conditions: { ready: false, serving: false } }));
      assert.deepEqual(who(await lab.connect(lab.client, { host: IP, port: 80, count: 20 })), { p1: 20 });
    });

    void test('a service without endpoints refuses at once, TCP and UDP, cluster IP and node port', async () => {
      const ports = [
        { ...PORT, name: 't', nodePort: 30_080 },
        { ...PORT, name: 'u', protocol: 'UDP', nodePort: 30_080 },
      ];
      await lab.serve({ web: { spec: { type: 'NodePort', clusterIP: IP, ports }, endpoints: [] } });
      for (const [host, port] of [
        [IP, 80],
        [NODE.IPv4, 30_080],
      ] as const) {
        for (const protocol of ['tcp', 'udp'] as const) {
          assert.deepEqual(await lab.connect(lab.client, { host, port, protocol }), { ECONNREFUSED: 1 }, `${host} ${protocol}`);
          assert.deepEqual(await lab.connect(lab.pods[0]!, { host, port, protocol }), { ECONNREFUSED: 1 }, `${host} ${protocol}`);
        }
      }
      assert.deepEqual(await lab.connect(lab.node, { host: IP, port: 80 }), { ECONNREFUSED: 1 });
    });

    void test('a UDP client that never pauses is moved when its endpoint goes', async () => {
      const dns = (pod: number): Record<string, LabService> => ({
        dns: { spec: { clusterIP: IP, ports: [{ port: 53, protocol: 'UDP' }] }, endpoints: on(pod) },
      });
      await lab.serve(dns(1));
      const flow = await lab.hold(lab.client, ['stream', IP, '53', '40000']);
      assert.match(await flow.say(), /^p1 /);
      await lab.serve(dns(2));
      await until('the flow goes to the other endpoint', async () => (await flow.say()).startsWith('p2 '));
      await lab.serve({ dns: { ...dns(1)['dns']!, endpoints: [] } });
      await lab.serve(dns(3));
      await until('the flow goes to the new endpoint', async () => (await flow.say()).startsWith('p3 '));
      await flow.close();
    });

    void test('IPv6: cluster IP, node port, refusal', async () => {
      const spec = { type: 'NodePort', clusterIPs: [IP, IP6], ports: [{ ...PORT, nodePort: 30_080 }] };
      await lab.serve({ web: { spec, endpoints: on(1, 2) } });
      assert.deepEqual(Object.keys(await lab.connect(lab.pods[2]!, { host: IP6, port: 80, count: 30 })).sort(), [
        `p1 ${podIp(3, 'IPv6')}`,
        `p2 ${podIp(3, 'IPv6')}`,
      ]);
      assert.deepEqual(Object.keys(who(await lab.connect(lab.client, { host: NODE.IPv6, port: 30_080, count: 30 }))).sort(), ['p1', 'p2']);
      assert.deepEqual(who(await lab.connect(lab.pods[0]!, { host: IP6, port: 80, count: 30 })).hasOwnProperty('p1'), true, 'hairpin');
      await lab.serve({ web: { spec, endpoints: [] } });
      assert.deepEqual(await lab.connect(lab.client, { host: IP6, port: 80 }), { ECONNREFUSED: 1 });
    });

    void test('an established connection outlives changes, a killed proxy and its successor', async () => {
      const web = (...pods: number[]): Record<string, LabService> => ({
        web: { spec: { clusterIP: IP, ports: [PORT] }, endpoints: on(...pods) },
      });
      await lab.serve(web(1));
      const connection = await lab.hold(lab.client, ['hold', IP, '80']);
      assert.match(await connection.say(), /^p1 /);
      await lab.serve(web(1, 2, 3));
      assert.match(await connection.say(), /^p1 /);
      await lab.stopProxy('SIGKILL');
      assert.match(await connection.say(), /^p1 /);
      assert.deepEqual(Object.values(await lab.connect(lab.client, { host: IP, port: 80 })), [1], 'services go on without the proxy');
      await lab.startProxy();
      assert.doesNotMatch(lab.log, /had been removed/);
      await lab.serve(web(2));
      assert.match(await connection.say(), /^p1 /, 'an endpoint that left keeps its TCP connections');
      assert.deepEqual(Object.keys(who(await lab.connect(lab.client, { host: IP, port: 80, count: 10 }))), ['p2']);
      await connection.close();
    });
  });
}
