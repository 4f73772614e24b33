/** Services from an API server: ours, in process, and through it the whole daemon on a node of its own. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import type { Node } from '#api/kinds/core/node.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { startDevServer, type DevServer } from '../../controlplane/apiserver/dev/start.ts';
import { TestClient } from '../../controlplane/apiserver/testing/client.ts';
import { ObjectStore } from '../kube-proxy/objects.ts';
import { ServiceTable } from '../kube-proxy/serviceTable.ts';
import { ApiServerSource } from '../kube-proxy/sources/apiServer.ts';
import { NODE, ProxyLab, podIp } from './harness/proxyLab.ts';
import { until } from './harness/until.ts';
import { whyNoNetNs, type NetNs } from './proxyNet.ts';

const clock = new SystemClock();
const PROXY = { token: 'proxy-token', user: { name: 'system:kube-proxy', groups: ['system:authenticated'] } };

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { clusterIP: '10.96.0.10', ports: [{ port: 80, targetPort: 8080 }] },
};
const sliceOf = (name: string, ips: readonly string[], labels: Readonly<Record<string, string>> = {}): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'web', ...labels } },
  addressType: 'IPv4',
  ports: [{ port: 8080, name: '', protocol: 'TCP' }],
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true }, nodeName: 'node-a' })),
});
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const SERVICES = '/api/v1/namespaces/default/services';

void describe('the source of an API server', () => {
  let server: DevServer;
  let admin: TestClient;
  const lines: string[] = [];
  const stop = new AbortController();
  const table = new ServiceTable({ name: 'node-a' });
  const store = new ObjectStore(table);
  const nodes: (Node | undefined)[] = [];
  let changes = 0;
  let running: Promise<void>;

  const post = async (path: string, body: object): Promise<void> => {
    const { code, text } = await admin.post(path, body);
    assert.equal(code, 201, text);
  };
  const endpoints = (): string | undefined =>
    table
      .ports('IPv4')
      .get('default/web/tcp')
      ?.endpoints.map((e) => `${e.text}${e.isLocal ? ' here' : ''}`)
      .join();

  const follow = (at: DevServer): ApiServerSource => {
    const text = (value: string) => ({ kind: 'text', text: value }) as const;
    const config = { server: at.url, ca: text(at.pki.ca), token: text(PROXY.token), namespace: 'default' };
    const log = makeLogger({ write: (line) => lines.push(line), clock });
    const client = connect({ config, clock, log, userAgent: 'kube-proxy' });
    return new ApiServerSource({
      client,
      store,
      log,
      nodeName: 'node-a',
      onChange: () => {
        changes += 1;
        store.flush();
      },
      onNode: (node) => nodes.push(node),
    });
  };

  before(async () => {
    server = await startDevServer({ clock, tokens: [PROXY] });
    admin = new TestClient(server);
    await post(SERVICES, SERVICE);
    await post(SLICES, sliceOf('web-1', ['10.1.0.1']));
    const source = follow(server);
    running = source.run(stop.signal);
    await source.complete(stop.signal);
  });
  after(async () => {
    stop.abort();
    await running;
    admin?.close();
    await server?.stop();
  });

  test('everything is there when it is complete, with the rights of system:kube-proxy', () => {
    assert.equal(endpoints(), '10.1.0.1:8080 here');
    assert.deepEqual(nodes, [undefined]);
    assert.equal(changes, 1, 'told once');
  });

  test('changes come, several slices make one service, and what goes is gone', async () => {
    await post(SLICES, sliceOf('web-2', ['10.1.0.2']));
    await until('the second slice', () => endpoints() === '10.1.0.1:8080 here,10.1.0.2:8080 here');
    assert.equal((await admin.delete(`${SLICES}/web-1`)).code, 200);
    await until('the first slice is gone', () => endpoints() === '10.1.0.2:8080 here');
  });

  test('what another proxy serves is left to it, also when that is said later', async () => {
    const name = { 'service.kubernetes.io/service-proxy-name': 'other' };
    await post(SLICES, sliceOf('web-3', ['10.1.0.3'], name));
    const { code } = await admin.patch(`${SLICES}/web-2`, 'merge-patch', { metadata: { labels: name } });
    assert.equal(code, 200);
    await until('no slice is ours', () => endpoints() === '');
    assert.equal(
      (
        await admin.patch(`${SLICES}/web-2`, 'merge-patch', {
          metadata: {
            labels: {
              ...name,
              'service.kubernetes.io/service-proxy-name': null,
            },
          },
        })
      ).code,
      200,
    );
    await until('it is ours again', () => endpoints() === '10.1.0.2:8080 here');
  });

  test('the Node is told with its zone and pod network, and when it goes', async () => {
    await post('/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-a', labels: { 'topology.kubernetes.io/zone': 'z1' } },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] },
    });
    await post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-b' } });
    await until('the node is known', () => nodes.at(-1)?.spec.podCIDR === '10.244.1.0/24');
    assert.equal((await admin.delete('/api/v1/nodes/node-a')).code, 200);
    await until('the node is gone', () => nodes.at(-1) === undefined);
    assert.ok(
      nodes.every((n) => n === undefined || n.metadata.name === 'node-a'),
      'nodes of others are nothing to us',
    );
  });

  test('a server that goes away takes nothing along', async () => {
    await server.stop();
    await until('the loss is told', () => lines.some((line) => /^<[34]>/.test(line)));
    assert.equal(endpoints(), '10.1.0.2:8080 here');
  });

  test('a server that comes back, with another state, is followed again', async () => {
    const { port, pki } = server;
    server = await startDevServer({
      clock,
      port,
      tokens: [PROXY],
      overrides: { tls: { certificate: pki.server.certificate, key: pki.server.key, clientCa: pki.ca } },
    });
    admin.close();
    admin = new TestClient({ ...server, pki });
    await post(SERVICES, SERVICE);
    await post(SLICES, sliceOf('web-9', ['10.1.0.9']));
    await until('the new state is there', () => endpoints() === '10.1.0.9:8080 here', 60_000);
  });
});

const CLI = new URL('../../controlplane/cli/main.ts', import.meta.url).pathname;
const skip = (await whyNoNetNs()) ?? false;

function startApi(node: NetNs) {
  const [program, ...rest] = [...node.via, process.execPath, '--disable-warning=ExperimentalWarning', CLI, 'apiserver', '--dev', '--json'];
  return execa(program, rest, { reject: false });
}

void describe('kube-proxy with an API server', { skip }, () => {
  let lab: ProxyLab;
  let api: ReturnType<typeof startApi> | undefined;
  let server: { url: string; kubeconfig: string; token: string; ca: string };
  const directory = mkdtempSync(join(tmpdir(), 'kijabi-proxy-api-'));

  before(async () => {
    lab = await ProxyLab.make({
      proxyArgs: [`--kubeconfig=${join(directory, 'kubeconfig')}`],
      source: [],
      prepare: async (node) => {
        const child = (api = startApi(node));
        const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
        server = JSON.parse(line) as typeof server;
        writeFileSync(join(directory, 'ca.crt'), server.ca);
        copyFileSync(server.kubeconfig, join(directory, 'kubeconfig'));
      },
    });
  });
  after(async () => {
    await lab?.close();
    api?.kill('SIGTERM');
    await api;
    rmSync(directory, { recursive: true });
  });

  const send = (method: string, path: string, body?: object): Promise<string> =>
    lab.node.run(
      ...(['curl', '-sS', '--fail-with-body', '--cacert', join(directory, 'ca.crt'), '-X', method] as const),
      '-H',
      `Authorization: Bearer ${server.token}`,
      '-H',
      `Content-Type: application/${method === 'PATCH' ? 'merge-patch+' : ''}json`,
      ...(body === undefined ? [] : ['-d', JSON.stringify(body)]),
      `${server.url}${path}`,
    );
  const answers = async (host = '10.96.0.10'): Promise<string> => Object.keys(await lab.connect(lab.pods[2]!, { host, port: 80 })).join();
  const health = (path: string): Promise<string> =>
    lab.client.run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', `http://192.0.2.1:10256/${path}`);

  test('a service of the cluster answers, moves with its endpoints, and goes', async () => {
    assert.match(lab.log, /Takes services from an API server server=https:/);
    await send('POST', SERVICES, SERVICE);
    await until('a service without endpoints refuses', async () => (await answers()) === 'ECONNREFUSED');
    await send('POST', SLICES, sliceOf('web-1', [podIp(1)]));
    await until('the endpoint answers', async () => (await answers()).startsWith('p1 '));
    await send('DELETE', `${SLICES}/web-1`);
    await send('POST', SLICES, sliceOf('web-2', [podIp(2)]));
    await until('the other endpoint answers', async () => (await answers()).startsWith('p2 '));
    // No node port given: the API server chose one, as it did for the cluster IP.
    const made = JSON.parse(
      await send('POST', SERVICES, { ...SERVICE, metadata: { name: 'open' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } }),
    ) as { spec: { ports: { nodePort: number }[] } };
    const port = made.spec.ports[0]?.nodePort ?? 0;
    await send('POST', SLICES, {
      ...sliceOf('open-1', [podIp(3)]),
      metadata: { name: 'open-1', labels: { 'kubernetes.io/service-name': 'open' } },
    });
    await until('its node port answers', async () => 'p3 10.244.3.1' in (await lab.connect(lab.client, { host: NODE.IPv4, port })));
    await send('DELETE', `${SERVICES}/web`);
    await until('it is gone', async () => (await answers()) === 'no answer');
  });

  test('a node that is about to be removed is not ready for load balancers, and the proxy is still alive', async () => {
    await send('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'lab-node' } });
    assert.equal(await health('healthz'), '200');
    await send('PATCH', '/api/v1/nodes/lab-node', { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } });
    await until('it is told', async () => (await health('healthz')) === '503');
    assert.equal(await health('livez'), '200');
  });

  test('detectLocalMode NodeCIDR waits for the Node to say what it is, and follows it', async () => {
    await lab.stopProxy();
    const starting = lab.startProxy([`--kubeconfig=${join(directory, 'kubeconfig')}`, '--detect-local-mode=NodeCIDR']);
    await until('it waits', () => lab.log.includes('Waiting for the pod network of this node'));
    await send('PATCH', '/api/v1/nodes/lab-node', { spec: { podCIDR: '10.244.0.0/16', podCIDRs: ['10.244.0.0/16'] } });
    await starting;
    assert.match(await lab.node.run('iptables-save', '-t', 'nat'), /! -s 10\.244\.0\.0\/16 -d 10\.\S+ .* KUBE-MARK-MASQ/);
  });
});
