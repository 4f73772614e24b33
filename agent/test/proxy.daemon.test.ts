/** The daemon as an operator meets it: documents that change and break, rules that others remove, modes that change, the way out. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync, renameSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { missing, startContainerd } from './harness/containerd.ts';
import { startKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { NODE, ProxyLab, podIp } from './harness/proxyLab.ts';
import { until } from './harness/until.ts';
import { upstreamCleanup, upstreamRules, upstreamTable } from './harness/upstreamProxy.ts';
import { whyNoNetNs } from './proxyNet.ts';

const skip = (await whyNoNetNs()) ?? false;
const IP = '10.96.0.10';
const WEB = { spec: { clusterIP: IP, ports: [{ port: 80 }] }, endpoints: [{ pod: 1 }] };
const MAIN = new URL('../kube-proxy/main.ts', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'kijabi-proxy-'));
const socket = join(directory, 'kubelet.sock');
let pods: unknown[] = [];
let kubelet: Server | undefined;
let lab: ProxyLab;

before(async () => {
  if (skip === false) lab = await ProxyLab.make({ proxyArgs: [`--kubelet-socket=${socket}`, `--socket=${join(directory, 'proxy.sock')}`] });
});
after(async () => {
  await lab?.close();
  kubelet?.close();
  rmSync(directory, { recursive: true });
});

const answers = async (host = IP): Promise<string> => Object.keys(await lab.connect(lab.client, { host, port: 80 })).join();
const put = (file: string, text: string): void => {
  writeFileSync(join(directory, file), text);
  renameSync(join(directory, file), join(lab.servicesDir, file));
};
const chainOf = async (ip: string): Promise<string> =>
  new RegExp(`(KUBE-SVC-\\S+).*${ip.replaceAll('.', '\\.')}`).exec(
    await lab.node.run('iptables', '-t', 'nat', '-L', 'KUBE-SERVICES', '-n'),
  )?.[1] ?? '';
/** A run of kube-proxy to its end. */
const command = async (...args: string[]): Promise<{ exitCode: number | undefined; all: string }> => {
  const { exitCode, all } = await execa(
    'nsenter',
    [...lab.node.via.slice(1), process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...args],
    { reject: false, all: true },
  );
  return { exitCode, all };
};

test('rules that somebody flushed or removed are back, and what others count goes on counting', { skip }, async () => {
  await lab.serve({ web: WEB, other: { spec: { clusterIP: '10.96.0.11', ports: [{ port: 80 }] }, endpoints: [{ pod: 2 }] } });
  assert.match(await answers('10.96.0.11'), /^p2 /);
  const chain = await chainOf('10.96.0.11');
  const counted = async (): Promise<boolean> =>
    / [1-9]\d* +\d+ KUBE-SEP/.test(await lab.node.run('iptables', '-t', 'nat', '-L', chain, '-n', '-v', '-x'));
  assert.ok(await counted());
  const [rule = ''] = (await lab.node.run('iptables-save', '-t', 'nat'))
    .split('\n')
    .filter((l) => l.startsWith('-A KUBE-SERVICES') && l.includes(`${IP}/32`));
  await lab.node.run('sh', '-c', `iptables -t nat ${rule.replace('-A', '-D')}`);
  await until('the rule is back', async () => (await lab.node.run('iptables-save', '-t', 'nat')).includes(rule));
  assert.ok(await counted(), 'only what was missing was written');
  assert.match(lab.log, /Others had changed rules of services, they are as they should be again.* lines=\d /);
  await lab.node.run('iptables', '-t', 'filter', '-F');
  await until('the jumps are back', async () =>
    (await lab.node.run('iptables-save', '-t', 'filter')).includes(
      '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    ),
  );
  assert.match(lab.log, /Rules of services had been removed, they are back/);
  assert.match(await answers(), /^p1 /);
});

test('a document that breaks keeps its last good version, and the log says where it is broken', { skip }, async () => {
  await lab.serve({ web: WEB });
  put('all.yaml', 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.10, prots: [] }\n');
  await until('the refusal is told', () =>
    /Refused document object="Service default\/web" file=\S+all.yaml:4:\d+ err="spec.prots: unknown field, did you mean ports\?"/.test(
      lab.log,
    ),
  );
  assert.match(await answers(), /^p1 /);
});

test('two services with one cluster IP: the first keeps it, the other is named', { skip }, async () => {
  await lab.serve({ web: WEB });
  put(
    'b.yaml',
    `apiVersion: v1\nkind: Service\nmetadata: { name: zweb, namespace: lab }\nspec: { clusterIP: ${IP}, ports: [{ port: 80 }] }\n`,
  );
  await until('the conflict is told', () =>
    /Service is not served as written service=lab\/zweb.* err="cluster IP 10.96.0.10:80\/tcp belongs to service lab\/web already/.test(
      lab.log,
    ),
  );
  assert.match(await answers(), /^p1 /);
  rmSync(join(lab.servicesDir, 'b.yaml'));
});

test('a selector finds the pods the kubelet tells of, and keeps them while it is away', { skip }, async () => {
  pods = [
    {
      metadata: { name: 'a', namespace: 'lab', labels: { app: 'web' } },
      spec: { containers: [] },
      status: { podIP: podIp(3), conditions: [{ type: 'Ready', status: 'True' }] },
    },
  ];
  const watched = new Set<ServerResponse>();
  const tell = (res: ServerResponse, type: string, object: unknown): void => void res.write(`${JSON.stringify({ type, object })}\n`);
  const fakeKubelet = (): Server =>
    createServer((req, res) => {
      assert.equal(req.url, '/pods?watch=true');
      for (const one of pods) tell(res, 'ADDED', one);
      tell(res, 'BOOKMARK', { metadata: {} });
      watched.add(res);
    }).listen(socket);
  kubelet = fakeKubelet();
  await lab.serve({});
  put(
    'all.yaml',
    `apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: lab }\nspec: { clusterIP: ${IP}, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }\n`,
  );
  await until('the pod serves', async () => (await answers()).startsWith('p3 '));
  const second = {
    ...(pods[0] as object),
    metadata: { name: 'b', namespace: 'lab', labels: { app: 'web' } },
    status: { podIP: podIp(2), conditions: [{ type: 'Ready', status: 'True' }] },
  };
  for (const res of watched) {
    tell(res, 'ADDED', second);
    tell(res, 'DELETED', pods[0]);
  }
  await until('another pod serves', async () => (await answers()).startsWith('p2 '));
  kubelet.close();
  kubelet.closeAllConnections();
  await until('the loss is told', () => lab.log.includes('Cannot ask the kubelet for its pods'));
  assert.match(await answers(), /^p2 /);
  pods = [];
  kubelet = fakeKubelet();
  await until('the pod is gone', async () => (await answers()) === 'ECONNREFUSED');
});

test('health, metrics, mode, settings and explanations are served', { skip }, async () => {
  await lab.serve({ web: WEB });
  assert.equal(await lab.ask('/proxyMode'), 'iptables');
  assert.equal(
    (JSON.parse(await lab.ask('/configz')) as Record<string, { clusterCIDR?: string }>)['kubeproxy.config.k8s.io']?.clusterCIDR,
    '10.244.0.0/16,fd44::/16',
  );
  const metrics = await lab.ask('/metrics');
  for (const name of [
    'sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.001"}',
    'sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"}',
    'sync_proxy_rules_last_timestamp_seconds',
    'conntrack_reconciler_deleted_entries_total',
  ]) {
    assert.ok(metrics.includes(`kubeproxy_${name}`), name);
  }
  for (const path of ['healthz', 'livez'])
    assert.match(await lab.client.run('curl', '-sSf', `http://192.0.2.1:10256/${path}`), /"lastUpdated": "\d{4}-/);
  const { exitCode, all } = await command('--explain', 'lab/web');
  assert.equal(exitCode, 0);
  assert.match(all, /cluster IP 10\.96\.0\.10:80\/tcp:\n +\[\d+ packets, \d+ bytes\] nat KUBE-SERVICES: -d 10\.96\.0\.10\/32/);
  assert.match(all, new RegExp(`${podIp(1)}:8080, on lab-node, ready, 100 % of Cluster`));
  assert.match((await command('--explain', 'lab/nobody')).all, /services "lab\/nobody" not found: there are lab\/web/);
  assert.match(await lab.ask(`/explain/packet?from=${podIp(2)}&to=${IP}:80`), new RegExp(`100 %  goes to ${podIp(1)}:8080\n`));
  assert.match(await lab.ask(`/explain/packet?from=192.0.2.2&to=${IP}:80`), new RegExp(`100 %  goes to ${podIp(1)}:8080 masqueraded`));
  assert.match(await lab.ask(`/explain/packet?from=192.0.2.2&to=${IP}:81`), /not for any service/);
  const refused = await lab.node.run('curl', '-s', `http://127.0.0.1:10249/explain/packet?from=192.0.2.2&to=${IP}:65536`);
  assert.match(refused, /BAD_REQUEST.*want IP:PORT/);
  for (const path of ['/%zz', '//'])
    assert.equal(
      await lab.node.run('curl', '-so', '/dev/null', '-w', '%{http_code}', '--path-as-is', `http://127.0.0.1:10249${path}`),
      '400',
      path,
    );
});

test('a service without any EndpointSlice says so, one that is headless says why nothing is written', { skip }, async () => {
  await lab.serve({ web: WEB });
  put(
    'bare.yaml',
    [
      `apiVersion: v1\nkind: Service\nmetadata: { name: bare, namespace: lab }\nspec: { clusterIP: 10.96.0.20, ports: [{ port: 80 }] }\n`,
      `apiVersion: v1\nkind: Service\nmetadata: { name: headless, namespace: lab }\nspec: { clusterIP: None, ports: [{ port: 80 }] }\n`,
      `apiVersion: v1\nkind: Service\nmetadata: { name: alias, namespace: lab }\nspec: { type: ExternalName, externalName: example.org }\n`,
    ].join('---\n'),
  );
  await until('it refuses', async () => (await answers('10.96.0.20')) === 'ECONNREFUSED');
  assert.match(
    await lab.ask('/explain/service/lab/bare'),
    /No endpoints: no EndpointSlice with the label kubernetes\.io\/service-name=bare/,
  );
  assert.match(await lab.ask('/explain/service/lab/headless'), /Nothing is programmed: it is headless/);
  assert.match(await lab.ask('/explain/service/lab/alias'), /Nothing is programmed: type ExternalName is a DNS name only/);
  rmSync(join(lab.servicesDir, 'bare.yaml'));
});

test(
  'documents with mistakes are refused one by one, each with a line that names the object, and the rest is served',
  { skip },
  async () => {
    await lab.serve({ web: WEB });
    const doc = (name: string, spec: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: lab }\nspec: { ${spec} }\n`;
    const sliceOf = (name: string, addressType: string, endpoint: string): string =>
      `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: ${name}, namespace: lab, labels: { kubernetes.io/service-name: ${name} } }\naddressType: ${addressType}\nports: [{ port: 8080, name: '' }]\nendpoints: [{ addresses: ['${endpoint}'] }, { addresses: ['${podIp(2)}'] }]\n`;
    const documents = {
      'range.yaml': doc('range', 'clusterIP: 10.96.0.31, ports: [{ port: 70000 }]'),
      'text.yaml': doc('text', 'clusterIP: 10.96.0.32, ports: [{ port: "http" }]'),
      'np1.yaml': doc('np1', 'type: NodePort, clusterIP: 10.96.0.33, ports: [{ port: 80, nodePort: 30077 }]'),
      'np2.yaml': doc('np2', 'type: NodePort, clusterIP: 10.96.0.34, ports: [{ port: 80, nodePort: 30077 }]'),
      'ext.yaml': doc('ext', `clusterIP: 10.96.0.36, externalIPs: ["${IP}"], ports: [{ port: 80 }]`),
      'here.yaml': doc('here', `clusterIP: ${NODE.IPv4}, ports: [{ port: 88 }]`),
      'lo.yaml': doc('lo', 'clusterIP: 10.96.0.35, ports: [{ port: 80 }]'),
      'lo-slice.yaml': sliceOf('lo', 'IPv4', '127.0.0.1'),
      'six-slice.yaml': sliceOf('six', 'IPv4', podIp(1, 'IPv6')),
      'junk.yaml': '{{{',
      'both.yaml': `${doc('good', 'clusterIP: 10.96.0.37, ports: [{ port: 80 }]')}---\n${doc('bad', 'clusterIP: 10.96.0.38, prots: []')}`,
      'other.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n',
    };
    for (const [file, text] of Object.entries(documents)) put(file, text);
    for (const said of [
      /Refused document object="Service lab\/range" file=\S*range\.yaml:4:\d+ err="spec\.ports\[0\]\.port: .*70000/,
      /Refused document object="Service lab\/text" file=\S*text\.yaml:4:\d+ err="spec\.ports\[0\]\.port: /,
      /service=lab\/np2 .*err="node port 30077\/tcp belongs to service lab\/np1 already/,
      /service=lab\/ext .*err="address 10\.96\.0\.10:80\/tcp belongs to service lab\/web already/,
      /Service hides a port of the node service=lab\/here .*cluster IP 192\.0\.2\.1 is an address of this node: what listens there on port 88\/tcp/,
      /Refused document object="EndpointSlice lab\/lo" file=\S*lo-slice\.yaml:6:\d+ err="endpoints\[0\]\.addresses\[0\]: .*loopback/,
      /Refused document object="EndpointSlice lab\/six" file=\S*six-slice\.yaml:6:\d+ err="endpoints\[0\]\.addresses\[0\]: /,
      /Refused document file=\S*junk\.yaml:1:\d+/,
      /Refused document object="ConfigMap default\/x" file=\S*other\.yaml:2:\d+ /,
    ])
      await until(`${said} is told, log: ${lab.log.slice(-2_000)}`, () => said.test(lab.log));
    assert.equal(await answers('10.96.0.35'), 'ECONNREFUSED');
    assert.equal(await answers('10.96.0.37'), 'ECONNREFUSED', 'beside one that is refused it is there, without endpoints');
    assert.match(
      await lab.client.run('curl', '-sSf', `http://${NODE.IPv4}:10256/livez`),
      /lastUpdated/,
      'the other ports of the node stay',
    );
    assert.match(await answers(), /^p1 /);
    for (const file of Object.keys(documents)) rmSync(join(lab.servicesDir, file));
  },
);

test('a second proxy says who has its ports', { skip }, async () => {
  const config = join(directory, 'second.yaml');
  writeFileSync(
    config,
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nbindAddressHardFail: true\nconntrack: { maxPerCore: 0 }\n',
  );
  const { exitCode, all } = await command('--config', config, '--services-dir', lab.servicesDir);
  assert.equal(exitCode, 1);
  assert.match(all, /Cannot serve health on 0\.0\.0\.0 port 10256: another process has the port/);
});

test(
  'a second proxy with the same socket is refused before it touches a rule; a socket that nobody serves is taken',
  { skip },
  async () => {
    await lab.serve({ web: WEB });
    const proxySocket = join(directory, 'proxy.sock');
    const rules = await lab.node.run('iptables-save');
    const { exitCode, all } = await command('--proxy-mode=nftables', '--services-dir', lab.servicesDir, '--socket', proxySocket);
    assert.equal(exitCode, 1);
    assert.match(all, /Another kube-proxy serves on \S+proxy\.sock: stop it first, or give this one another --socket/);
    const chains = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => /^:|^-A/.test(line))
        .map((line) => line.replace(/\[.*/, ''));
    assert.deepEqual(chains(await lab.node.run('iptables-save')), chains(rules));
    assert.match(await command('--socket', proxySocket, '--explain', 'lab/web').then((c) => c.all), /cluster IP 10\.96\.0\.10:80/);
    await lab.stopProxy('SIGKILL');
    await lab.startProxy();
    assert.match(await command('--socket', proxySocket, '--explain', 'lab/web').then((c) => c.all), /cluster IP 10\.96\.0\.10:80/);
  },
);

test('a configuration with mistakes is refused with all of them', { skip }, async () => {
  const config = join(directory, 'bad.yaml');
  writeFileSync(
    config,
    'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptable\nclusterCIDr: 10.0.0.0/8\n',
  );
  const { exitCode, all } = await command('--config', config);
  assert.equal(exitCode, 1);
  assert.match(
    all,
    /2 problems[^]*bad.yaml:3:7: mode: Unsupported value: "iptable"[^]*clusterCIDr: unknown field, did you mean "?clusterCIDR/,
  );
});

const MASQUERADED = 'p1 10.244.1.1';
for (const [sentence, args, outcomes] of [
  [
    'InterfaceNamePrefix: what comes in by such an interface is a pod; node ports on a CIDR, none on 127.0.0.1',
    [
      '--detect-local-mode=InterfaceNamePrefix',
      '--pod-interface-name-prefix=p',
      '--nodeport-addresses=192.0.2.0/24',
      '--iptables-localhost-nodeports=false',
    ],
    { pod3: `p1 ${podIp(3)}`, client: MASQUERADED, nodePort: MASQUERADED, primary: 'ECONNREFUSED', localhost: 'ECONNREFUSED' },
  ],
  [
    'BridgeInterface: only what comes in by the bridge is a pod; node ports on the address of the way out',
    ['--detect-local-mode=BridgeInterface', '--pod-bridge-interface=p3', '--nodeport-addresses=primary'],
    { pod3: `p1 ${podIp(3)}`, pod2: MASQUERADED, nodePort: 'ECONNREFUSED', primary: MASQUERADED },
  ],
  [
    'nftables, InterfaceNamePrefix; the address of the way out is the default',
    ['--proxy-mode=nftables', '--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=p'],
    { pod3: `p1 ${podIp(3)}`, client: MASQUERADED, nodePort: 'ECONNREFUSED', primary: MASQUERADED },
  ],
] as const) {
  test(`settings at work: ${sentence}`, { skip }, async () => {
    await lab.stopProxy();
    await lab.startProxy(args);
    await lab.serve({
      web: { spec: { type: 'NodePort', clusterIP: IP, ports: [{ port: 80, nodePort: 30_080 }] }, endpoints: [{ pod: 1 }] },
    });
    const asked = {
      pod2: [lab.pods[1], IP, 80],
      pod3: [lab.pods[2], IP, 80],
      client: [lab.client, IP, 80],
      nodePort: [lab.client, '192.0.2.1', 30_080],
      primary: [lab.client, '10.0.2.1', 30_080],
      localhost: [lab.node, '127.0.0.1', 30_080],
    } as const;
    for (const [who, want] of Object.entries(outcomes)) {
      const [from, host, port] = asked[who as keyof typeof asked];
      assert.deepEqual(await lab.connect(from!, { host, port }), { [want]: 1 }, who);
    }
  });
}

test(
  'masqueradeAll masquerades pods too; conntrack settings are those of the configuration, and what is 0 is left alone',
  { skip },
  async () => {
    await lab.stopProxy();
    const read = async (name: string): Promise<string> => (await lab.node.run('sysctl', '-n', `net.netfilter.nf_conntrack_${name}`)).trim();
    const udp = await read('udp_timeout');
    await lab.startProxy([
      '--masquerade-all',
      '--conntrack-tcp-timeout-established=2h',
      '--conntrack-tcp-timeout-close-wait=90s',
      '--conntrack-udp-timeout-stream=77s',
      '--conntrack-tcp-be-liberal',
    ]);
    await lab.serve({ web: WEB });
    assert.deepEqual(await lab.connect(lab.pods[2]!, { host: IP, port: 80 }), { [MASQUERADED]: 1 });
    const now: string[] = [];
    for (const name of ['tcp_timeout_established', 'tcp_timeout_close_wait', 'udp_timeout_stream', 'tcp_be_liberal', 'udp_timeout'])
      now.push(await read(name));
    assert.deepEqual(now, ['7200', '90', '77', '1', udp]);
    assert.match(
      lab.log,
      /Set kernel setting name=net\/netfilter\/nf_conntrack_tcp_timeout_established value=7200 because=conntrack\.tcpEstablishedTimeout/,
    );
    assert.doesNotMatch(
      await lab.node.run('iptables-save', '-t', 'filter'),
      /--ctstate INVALID -j DROP/,
      'a liberal kernel needs no such rule',
    );
    await lab.node.run('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_be_liberal=0');
  },
);

test('another mode takes over without a stale rule, and --cleanup leaves only what is not ours', { skip }, async () => {
  await lab.node.run('iptables', '-A', 'INPUT', '-s', '203.0.113.99', '-j', 'DROP');
  await lab.serve({ web: WEB });
  await lab.stopProxy();
  assert.match(await answers(), /^p1 /, 'services go on without the proxy');
  await lab.startProxy(['--proxy-mode=nftables', '--nodeport-addresses=all']);
  assert.match(lab.log, /Using nftables proxier/);
  const rules = await lab.node.run('iptables-save');
  assert.deepEqual(
    rules.split('\n').filter((l) => /KUBE-(?!FIREWALL)/.test(l)),
    [],
  );
  assert.match(await answers(), /^p1 /);
  await lab.stopProxy();
  await lab.startProxy();
  assert.doesNotMatch(await lab.node.run('nft', 'list', 'ruleset'), /table ip6? kube-proxy/);
  assert.match(await answers(), /^p1 /);
  await lab.stopProxy();
  assert.deepEqual(await command('--cleanup'), { exitCode: 0, all: '' });
  const left = await lab.node.run('iptables-save');
  assert.deepEqual(
    left.split('\n').filter((l) => /KUBE-(?!FIREWALL)/.test(l)),
    [],
  );
  assert.match(left, /-A INPUT -s 203\.0\.113\.99\/32 -j DROP/);
  assert.equal(await answers(), 'no answer');
  await lab.startProxy();
  assert.match(await answers(), /^p1 /);
});

test("from upstream's kube-proxy and back: connections go on, what is right is not written, no stale chain is left", { skip }, async () => {
  await lab.serve({ web: { ...WEB, endpoints: [{ pod: 1 }, { pod: 2 }] } });
  await lab.stopProxy();
  await command('--cleanup');
  const restore = (text: string): Promise<string> => lab.node.run('sh', '-c', `printf %s "$0" | iptables-restore --noflush`, text);
  const web = { name: 'lab/web', clusterIp: IP, port: 80, endpoints: [`${podIp(1)}:8080`, `${podIp(2)}:8080`] };
  const gone = { name: 'lab/gone:http', clusterIp: '10.96.9.9', port: 80, endpoints: ['10.244.9.9:80'] };
  await restore(upstreamRules([web, gone], '10.244.0.0/16'));
  // Of an older release; and the kubelet's, which is none of ours.
  await restore(
    '*nat\n:KUBE-XLB-CCCCCCCCCCCCCCCC - [0:0]\n:KUBE-KUBELET-CANARY - [0:0]\n-A KUBE-NODEPORTS -j KUBE-XLB-CCCCCCCCCCCCCCCC\nCOMMIT\n',
  );
  const connection = await lab.hold(lab.client, ['hold', IP, '80']);
  const said = await connection.say();
  assert.match(said, /^p[12] /);
  const counters = async (): Promise<string | undefined> =>
    / (\d+ +\d+) KUBE-SEP/.exec(await lab.node.run('iptables', '-t', 'nat', '-L', await chainOf(IP), '-n', '-v', '-x'))?.[1];
  const before = await counters();
  await lab.startProxy();
  const rules = await lab.node.run('iptables-save', '-t', 'nat');
  assert.doesNotMatch(rules, /10\.96\.9\.9|10\.244\.9\.9|KUBE-XLB/);
  assert.match(rules, /:KUBE-KUBELET-CANARY /);
  assert.equal(await counters(), before, 'the chains of the service were not written');
  assert.equal(await connection.say(), said);
  await lab.stopProxy();
  await restore(upstreamCleanup(await lab.node.run('iptables-save')));
  assert.doesNotMatch(await lab.node.run('iptables-save'), /KUBE-(?!KUBELET-CANARY|FIREWALL)/, 'upstream knows all that we leave');
  await restore(upstreamRules([web], '10.244.0.0/16'));
  assert.equal(await connection.say(), said, 'and takes over what is established');
  await connection.close();
  await lab.startProxy();
});

test("from upstream's nftables table and back: connections go on, and no stale chain is left", { skip }, async () => {
  await lab.serve({ web: { ...WEB, endpoints: [{ pod: 1 }, { pod: 2 }] } });
  await lab.stopProxy();
  await command('--cleanup');
  const web = { name: 'lab/web', clusterIp: IP, port: 80, endpoints: [`${podIp(1)}:8080`, `${podIp(2)}:8080`] };
  const gone = { name: 'lab/gone:http', clusterIp: '10.96.9.9', port: 80, endpoints: ['10.244.9.9:80'] };
  const load = (text: string): Promise<string> => lab.node.run('sh', '-c', `printf %s "$0" | nft -f -`, text);
  const table = (): Promise<string> => lab.node.run('nft', 'list', 'table', 'ip', 'kube-proxy');
  await load(upstreamTable([web, gone], '10.244.0.0/16'));
  const connection = await lab.hold(lab.client, ['hold', IP, '80']);
  const said = await connection.say();
  assert.match(said, /^p[12] /);
  await lab.startProxy(['--proxy-mode=nftables', '--nodeport-addresses=all']);
  assert.doesNotMatch(await table(), /10\.96\.9\.9|10\.244\.9\.9|chain (service|endpoint)-[A-Z2-7]{8}-/);
  assert.equal(await connection.say(), said);
  assert.match(await answers(), /^p[12] /);
  await lab.stopProxy();
  await load(upstreamTable([web], '10.244.0.0/16'));
  assert.doesNotMatch(await table(), /pick\/|cluster-ip\/|service-endpoints-tcp/, 'nothing of ours is in the way of its own table');
  assert.equal(await connection.say(), said, 'and it takes over what is established');
  assert.match(await answers(), /^p[12] /);
  await connection.close();
  await lab.startProxy();
  assert.doesNotMatch(await lab.node.run('nft', 'list', 'ruleset'), /table ip6? kube-proxy/);
});

test('a service of a static pod answers, on a real kubelet and containerd', { skip: skip || (missing() ?? false) }, async () => {
  const containerd = await startContainerd();
  const services = mkdtempSync(join(tmpdir(), 'kijabi-services-'));
  const via = ['nsenter', `--net=/run/netns/${containerd.netns}`] as const;
  const real = await startKubelet(containerd);
  const proxy = execa(
    via[0],
    [
      via[1],
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      MAIN,
      `--services-dir=${services}`,
      `--kubelet-socket=${join(real.rootDir, 'kubelet.sock')}`,
      `--hostname-override=${real.nodeName}`,
      '--conntrack-max-per-core=0',
    ],
    { reject: false },
  );
  try {
    real.apply(
      'web.yaml',
      manifest({
        name: 'web',
        labels: { app: 'web' },
        script: 'mkdir /w && echo hello > /w/index.html && exec busybox httpd -f -p 8080 -h /w',
        container: { ports: [{ name: 'http', containerPort: 8080 }] },
      }),
    );
    writeFileSync(
      join(services, 'web.yaml'),
      `apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: ${IP}, selector: { app: web }, ports: [{ port: 80, targetPort: http }] }\n`,
    );
    const get = async (): Promise<string> =>
      (await execa(via[0], [via[1], 'curl', '-s', '--max-time', '2', `http://${IP}/`], { reject: false })).stdout;
    await until('the pod runs', async () => (await real.pod('web'))?.status?.podIP !== undefined);
    // A node has a way out; without any the kernel refuses to send before a rule is asked.
    const { stdout } = await execa(via[0], [via[1], 'ip', '-o', 'route', 'get', (await real.pod('web'))?.status?.podIP ?? '']);
    await execa(via[0], [via[1], 'ip', 'route', 'add', 'default', 'dev', / dev (\S+)/.exec(stdout)?.[1] ?? '']);
    await until('the pod answers through its service', async () => (await get()) === 'hello');
    real.remove('web.yaml');
    await until(
      'the service refuses',
      async () => (await execa(via[0], [via[1], 'curl', '-s', `http://${IP}/`], { reject: false })).exitCode === 7,
    );
  } finally {
    proxy.kill('SIGKILL');
    await proxy;
    await real.stop();
    await containerd.stop();
    rmSync(services, { recursive: true });
  }
});
