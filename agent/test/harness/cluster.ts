/**
 * A real API server beside a test containerd: the PKI of `kijabi init`, kube-apiserver as a process in the same network namespace, an
 * address there that nodes and pods reach it under, and a way to it from outside for clients of the test. stop() leaves nothing behind.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import type { TestContainerd } from './containerd.ts';
import { until } from './until.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
export const ADDRESS = '192.168.77.1';
const PORT = 6_443;

export interface TestCluster {
  /** The administrator's. */
  readonly client: Client;
  /** Of the kubeconfig files: admin.conf, kubelet.conf … */
  readonly dir: string;
  /** Somebody else, by a kubeconfig file of the cluster. */
  clientOf(kubeconfig: string): Promise<Client>;
  json(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, type?: string): Promise<Record<string, never>>;
  log(): string;
  /** What was asked of the server so far; only with the option audit. */
  audit(): readonly Asked[];
  pid(): number;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A kubeconfig file that knows who joins by a bootstrap token alone. */
export async function bootstrapKubeconfig(cluster: TestCluster): Promise<string> {
  const [id, secret] = ['abcdef', '0123456789abcdef'];
  const data = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
  };
  const metadata = { name: `bootstrap-token-${id}`, namespace: 'kube-system' };
  await cluster.json('POST', '/api/v1/namespaces/kube-system/secrets', {
    type: 'bootstrap.kubernetes.io/token',
    metadata,
    stringData: data,
  });
  // What kubeadm binds: who may ask, whose first request is approved, and whose renewals.
  for (const [name, role, group] of [
    ['kubelet-bootstrap', 'system:node-bootstrapper', 'system:bootstrappers:kubeadm:default-node-token'],
    [
      'node-autoapprove-bootstrap',
      'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
      'system:bootstrappers:kubeadm:default-node-token',
    ],
    ['node-autoapprove-certificate-rotation', 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', 'system:nodes'],
  ] as const)
    await cluster.json('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    });
  const ca = readFileSync(join(cluster.dir, 'pki/ca.crt'), 'utf8');
  const server = `https://${ADDRESS}:${PORT}`;
  const file = join(cluster.dir, 'bootstrap.conf');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'u', user: { token: `${id}.${secret}` } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

/** A request, from the server's audit log. */
export interface Asked {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code?: number };
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic';
}

export interface ClusterOptions {
  /** Keep what is asked of the server. */
  readonly audit?: boolean;
  /** More flags of kube-apiserver. */
  readonly flags?: readonly string[];
  /** And of kube-controller-manager. */
  readonly controllerFlags?: readonly string[];
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startCluster(
  containerd: TestContainerd,
  { flags = [], controllerFlags = [], audit = false, env = {} }: ClusterOptions = {},
): Promise<TestCluster> {
  const dir = join(containerd.dir, 'kubernetes');
  const logFile = join(containerd.dir, 'apiserver.log');
  const inside = [`--net=/run/netns/${containerd.netns}`];
  const ip = (...args: readonly string[]) => execa('ip', ['-n', containerd.netns, ...args]);
  await ip('link', 'add', 'test0', 'type', 'bridge');
  await ip('addr', 'add', `${ADDRESS}/24`, 'dev', 'test0');
  await ip('link', 'set', 'test0', 'up');
  await ip('route', 'add', 'default', 'dev', 'test0');
  const init = ['init', '--kubernetes-dir', dir, '--node-name', 'node1', '--apiserver-advertise-address', ADDRESS];
  await execa(join(ROOT, 'controlplane/cli/kijabi'), init);

  const [auditPolicy, auditLog] = [join(containerd.dir, 'audit.yaml'), join(containerd.dir, 'audit.log')];
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] };
  if (audit) writeFileSync(auditPolicy, JSON.stringify(policy));
  const pki = join(dir, 'pki');
  const argv = [
    join(ROOT, 'controlplane/cli/kijabi-control-plane'),
    'kube-apiserver',
    `--advertise-address=${ADDRESS}`,
    `--secure-port=${PORT}`,
    '--service-cluster-ip-range=10.96.0.0/12',
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    '--authorization-mode=Node,RBAC',
    '--enable-bootstrap-token-auth',
    `--kubelet-client-certificate=${pki}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet-client.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    '--kubelet-preferred-address-types=InternalIP',
    `--data-dir=${join(containerd.dir, 'store')}`,
    ...(audit ? [`--audit-policy-file=${auditPolicy}`, `--audit-log-path=${auditLog}`] : []),
    ...flags,
    '--',
    'kube-controller-manager',
    `--kubeconfig=${dir}/controller-manager.conf`,
    '--use-service-account-credentials',
    `--root-ca-file=${pki}/ca.crt`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    ...controllerFlags,
  ];
  let child: ReturnType<typeof spawn> | undefined;
  const spawn = () => {
    const log = { file: logFile, append: true } as const;
    return execa('nsenter', [...inside, ...argv], { stdin: 'ignore', stdout: log, stderr: log, env, reject: false, buffer: false });
  };
  const way = await openWay(containerd, ADDRESS, PORT);
  const clock = new SystemClock();
  const clients: Client[] = [];
  const clientOf = async (file: string): Promise<Client> => {
    const config = { ...(await loadKubeconfig(file)), server: `https://127.0.0.1:${way.port}` };
    const client = connect({ config, clock, log: makeLogger({ write: () => undefined, clock }), userAgent: 'test', qps: -1 });
    clients.push(client);
    return client;
  };
  const client = await clientOf(join(dir, 'admin.conf'));
  const never = new AbortController().signal;
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  const self: TestCluster = {
    client,
    dir,
    clientOf,
    json: async (method, path, body, type) =>
      (await client.json(method, path, {
        signal: never,
        ...(body === undefined ? {} : { body }),
        ...(type === undefined ? {} : { type }),
      })) as never,
    log,
    audit: () =>
      readFileSync(auditLog, 'utf8')
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Asked),
    pid: () => child?.pid ?? 0,
    async kill(signal = 'SIGKILL') {
      child?.kill(signal);
      await child;
      child = undefined;
    },
    async start() {
      let ended: number | undefined | null = null;
      const started = spawn();
      child = started;
      void started.then(({ exitCode }) => (ended = exitCode));
      await until('the API server is ready', async () => {
        if (ended !== null) throw new Error(`kube-apiserver ended with ${ended}: ${log().slice(-2_000)}`);
        return client.text('GET', '/readyz', { signal: never }).then(
          () => true,
          () => false,
        );
      });
    },
    async stop() {
      for (const c of clients) c.close();
      await self.kill('SIGTERM');
      way.close();
    },
  };
  await self.start();
  return self;
}

interface Way {
  readonly port: number;
  close(): void;
}

/** From a port of the loopback out here to an address in there. */
async function openWay({ netns, dir }: TestContainerd, host: string, port: number): Promise<Way> {
  const path = join(dir, `way-${port}.sock`);
  const relay = new URL('relay.ts', import.meta.url).pathname;
  const args = [`--net=/run/netns/${netns}`, process.execPath, '--disable-warning=ExperimentalWarning', relay, path, host, String(port)];
  const child = execa('nsenter', args, { buffer: false, reject: false });
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
  const server: Server = createServer({ allowHalfOpen: true }, (near) => {
    const far = dial({ path, allowHalfOpen: true });
    const end = (): void => (near.destroy(), void far.destroy());
    near.on('error', end).pipe(far);
    far.on('error', end).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      child.stdin.end();
    },
  };
}
