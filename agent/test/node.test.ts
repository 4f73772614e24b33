/** Isolated nodes on a real machine: started, used, broken in every way we could think of, and gone without a trace. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { CriClient } from '#cri/client.ts';
import type { HostNode } from '../host/hostNode.ts';
import { downNode, startNode, type NodeOptions } from '../host/node.ts';
import { missingPackages, NODE_PACKAGES } from '../host/packages.ts';
import { nodePaths } from '../host/paths.ts';
import { readState } from '../host/state.ts';
import { Cgroups, findMounts } from '../linux/cgroup.ts';
import { run } from '../linux/exec.ts';
import { isRunning, look, signalProcess, type ProcessId } from '../linux/proc.ts';
import { snapshot } from './hostSnapshot.ts';

const KIJABI = new URL('../../controlplane/cli/kijabi', import.meta.url).pathname;
const missing = process.getuid?.() === 0 ? missingPackages(NODE_PACKAGES) : ['root'];
const skip = missing.length > 0 ? `needs ${missing.join(', ')}` : false;

const clock = new SystemClock();
const ever = new AbortController().signal;
/** Names of this run's nodes; every test ends by removing what bears them. */
const [A, B] = [`t${process.pid}a`, `t${process.pid}b`];
const PORT = 20_000 + (process.pid % 10_000);

afterEach(async () => {
  if (skip !== false) return;
  for (const name of [A, B]) await downNode(name, { clock, graceful: AbortSignal.abort(), onNote: () => undefined });
});

interface Ran {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

async function kijabi(...args: readonly string[]): Promise<Ran> {
  const { exitCode, stdout, stderr } = await execa(KIJABI, args, { reject: false, stdin: 'ignore', env: { NODE_OPTIONS: '' } });
  return { exitCode, stdout, stderr };
}

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = clock.monotonicMs() + 60_000;
  while (!(await done())) {
    assert.ok(clock.monotonicMs() < untilMs, `waited in vain for: ${what}`);
    await clock.sleep(10, ever);
  }
}

async function serves(port: number): Promise<boolean> {
  // A connection that is opened while its pod goes may hang; the next attempt does not.
  return fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) }).then(
    ({ status }) => status === 200,
    () => false,
  );
}

function library(over: Partial<NodeOptions> = {}): Promise<HostNode> {
  const log = makeLogger({ write: () => undefined, clock });
  return startNode({ name: A, nodeName: 'worker', uplink: 'none', clock, log, signal: ever, ...over });
}

async function runtimeReady(node: HostNode): Promise<boolean> {
  const cri = new CriClient({ endpoint: node.runtimeEndpoint, clock });
  try {
    const { status } = await cri.runtime.status({}, { deadlineMs: 2_000 });
    return status?.conditions.every((condition) => condition.status) === true;
  } catch {
    return false;
  } finally {
    cri.close();
  }
}

function owner(name: string): ProcessId {
  const state = readState(nodePaths(name).stateFile);
  assert.ok(state);
  return state.owner;
}

test('start --once --json: one object, nginx answered, nothing left and nothing changed', { skip }, async () => {
  const before = await snapshot([A]);
  const { exitCode, stdout, stderr } = await kijabi(
    'start',
    '--once',
    '--json',
    '--name',
    A,
    '--node-name',
    'worker',
    '--port',
    String(PORT),
  );
  assert.equal(exitCode, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  const { steps, tookMs, podIP, server, ...rest } = result as {
    steps: Record<string, number>;
    tookMs: number;
    podIP: string;
    server: string;
  };
  assert.deepEqual(rest, { pod: 'static-nginx-worker', node: 'worker', url: `http://127.0.0.1:${PORT}/`, httpStatus: 200, name: A });
  assert.match(podIP, /^\d+\.\d+\.\d+\.\d+$/);
  assert.match(server, /^nginx/);
  for (const step of [
    'machine',
    'packages',
    'node',
    'images',
    'kubelet',
    'proxy',
    'image',
    'sandbox',
    'network',
    'create',
    'start',
    'pod',
    'http',
  ]) {
    assert.ok(steps[step]! >= 0 && steps[step]! <= tookMs, `${step}: ${steps[step]}`);
  }
  assert.ok(steps['network']! < steps['sandbox']!, 'the network is made while the sandbox is');
  assert.deepEqual(await snapshot([A]), before);
});

test('start --detach, env, get, down: another process finds its way, and ends it', { skip }, async () => {
  const before = await snapshot([A]);
  const started = await kijabi('start', '--detach', '--name', A, '--node-name', 'worker', '--port', String(PORT));
  assert.equal(started.exitCode, 0, started.stderr);
  assert.match(started.stdout, /static-nginx-worker +1\/1 +Running/);
  assert.ok(await serves(PORT));

  const env = await kijabi('env', '--name', A);
  const script = `${env.stdout}
ls "$KIJABI_MANIFESTS"
nsenter --net="$KIJABI_NETNS" ip -br addr show kijabi0
ctr containers ls | grep -c nginx
${KIJABI} get pods -o name`;
  const { stdout } = await execa('sh', ['-e', '-c', script]);
  assert.match(stdout, /^static-nginx\.yaml\nkijabi0 .*\n1\npod\/static-nginx-worker$/);

  const inNode = `${env.stdout}\nnsenter --net="$KIJABI_NETNS"`;
  const ask = async (): Promise<string> =>
    (await execa('sh', ['-c', `${inNode} curl -sI --max-time 2 http://10.96.0.80/`], { reject: false })).stdout;
  await until('the pod answers through its service', async () => (await ask()).startsWith('HTTP/1.1 200'));
  const explained = await execa('sh', ['-e', '-c', `${env.stdout}\n${KIJABI} explain service nginx`]);
  assert.match(explained.stdout, /Service default\/nginx on node worker, mode iptables/);
  assert.match(explained.stdout, /:80, Pod default\/static-nginx-worker on worker, ready, 100 % of Cluster/);
  assert.match(explained.stdout, /cluster IP 10\.96\.0\.80:80\/tcp:\n +\[[1-9]\d* packets, /);
  const packet = await execa('sh', ['-e', '-c', `${env.stdout}\n${KIJABI} explain packet --from 10.244.0.99 --to 10.96.0.80:80 -o json`]);
  const { outcomes } = JSON.parse(packet.stdout) as { outcomes: Record<string, number> };
  assert.match(JSON.stringify(outcomes), /^\{"\d+\.\d+\.\d+\.\d+:80( masqueraded)?":1\}$/);
  const drift = await execa('sh', ['-e', '-c', `${env.stdout}\nls "$KIJABI_SERVICES"\n${KIJABI} explain drift`]);
  assert.equal(drift.stdout, 'nginx.yaml\nThe kernel holds what it should.');

  const again = await kijabi('start', '--name', A);
  assert.equal(again.exitCode, 1);
  assert.match(
    again.stderr,
    new RegExp(`Node ${A} runs already \\(process ${owner(A).pid}, .*http://127.0.0.1:${PORT}/\\): stop it with kijabi down --name ${A}`),
  );
  assert.ok(await serves(PORT), 'the second start disturbs nothing');

  const down = await kijabi('down', '--name', A);
  assert.equal(down.exitCode, 0, down.stderr);
  assert.deepEqual(await snapshot([A]), before);
  const nothing = await kijabi('down', '--name', A);
  assert.equal(nothing.exitCode, 0);
  assert.match(nothing.stdout, /nothing to remove/);
});

test('the port follows the pod: edited, killed, deleted, put back', { skip }, async () => {
  const started = await kijabi('start', '--detach', '--name', A, '--node-name', 'worker', '--port', String(PORT));
  assert.equal(started.exitCode, 0, started.stderr);
  const manifest = join(nodePaths(A).manifestsDir, 'static-nginx.yaml');
  const example = readFileSync(manifest, 'utf8');
  const podIP = async (): Promise<string> => {
    const { stdout } = await kijabi('get', 'pods', '-o', 'json', '--socket', nodePaths(A).kubeletSocket);
    const { items } = JSON.parse(stdout) as { items: { status?: { podIP?: string } }[] };
    return items[0]?.status?.podIP ?? '';
  };
  const first = await podIP();
  // The very commands that the start suggests.
  const [edit, kill, remove] = suggestions(started.stdout);
  await run(['sh', '-c', edit]);
  await until('another pod to serve', async () => (await podIP()) !== first && (await podIP()) !== '' && (await serves(PORT)));
  const pids = await nginxPids();
  await run(['sh', '-c', kill]);
  await until('nginx to be started again', async () => (await serves(PORT)) && !(await nginxPids()).some((pid) => pids.includes(pid)));
  await run(['sh', '-c', remove]);
  await until('the pod to be gone', async () => (await podIP()) === '' && !(await serves(PORT)));
  writeFileSync(manifest, example);
  await until('the pod to be back', () => serves(PORT));
});

function suggestions(printed: string): [edit: string, kill: string, remove: string] {
  const commands = printed.split('\n').filter((line) => /^ {4}(sed|find|rm) /.test(line));
  assert.equal(commands.length, 3, printed);
  return commands as [string, string, string];
}

async function nginxPids(): Promise<number[]> {
  const pids = await new Cgroups(findMounts()).processes(nodePaths(A).cgroupRoot);
  return pids.filter((pid) => look(pid)?.command === 'nginx');
}

test('kill -9 of whoever runs the node: the pod goes on, down removes all of it', { skip }, async () => {
  const before = await snapshot([A]);
  const started = await kijabi('start', '--detach', '--name', A, '--port', String(PORT));
  assert.equal(started.exitCode, 0, started.stderr);
  const id = owner(A);
  assert.ok(signalProcess(id, 'SIGKILL'));
  await until('it to end', () => !isRunning(id));
  assert.ok(await serves(PORT));
  const env = await kijabi('env', '--name', A);
  assert.equal(env.exitCode, 1);
  assert.equal(env.stdout, '');
  const down = await kijabi('down', '--name', A);
  assert.equal(down.exitCode, 0, down.stderr);
  assert.deepEqual(await snapshot([A]), before);
});

test('kill -9 of everything, and a state file that is rubbish: down removes what is left', { skip }, async () => {
  const before = await snapshot([A]);
  const started = await kijabi('start', '--detach', '--name', A, '--port', String(PORT));
  assert.equal(started.exitCode, 0, started.stderr);
  signalProcess(owner(A), 'SIGKILL');
  for (const pid of await new Cgroups(findMounts()).processes(nodePaths(A).cgroupRoot)) {
    const id = look(pid);
    if (id !== undefined) signalProcess(id, 'SIGKILL');
  }
  writeFileSync(nodePaths(A).stateFile, '{');
  const down = await kijabi('down', '--name', A);
  assert.equal(down.exitCode, 0, down.stderr);
  assert.deepEqual(await snapshot([A]), before);
});

test('a start after a crash removes the remains first and says so', { skip }, async () => {
  const notes: string[] = [];
  const crashed = await execa(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', crashScript()], {
    reject: false,
  });
  assert.equal(crashed.signal, 'SIGKILL', crashed.stderr);
  const remains = readState(nodePaths(A).stateFile)?.processes.containerd;
  assert.ok(remains !== undefined && isRunning(remains), 'containerd outlives who started it');
  const node = await library({ onNote: (text) => notes.push(text) });
  assert.match(notes.join(), /did not end properly: removing what it left/);
  assert.ok(!isRunning(remains));
  assert.ok(await runtimeReady(node));
  await node.remove();
});

/** Starts a node and dies. */
function crashScript(): string {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  return `
const { startNode } = await import(${at('../host/node.ts')});
const { SystemClock } = await import(${at('../../controlplane/base/clock.ts')});
const clock = new SystemClock();
const log = { warn() {}, info() {}, error() {}, debug() {} };
await startNode({ name: ${JSON.stringify(A)}, nodeName: 'worker', uplink: 'none', clock, log, signal: new AbortController().signal });
process.kill(process.pid, 'SIGKILL');
`;
}

test('two starts at the same moment: one runs, the other says who', { skip }, async () => {
  const both = await Promise.allSettled([library(), library()]);
  const nodes = both.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const errors = both.flatMap((result) => (result.status === 'rejected' ? [result.reason as { code: string }] : []));
  assert.deepEqual([nodes.length, errors.map(({ code }) => code)], [1, ['NODE_RUNS']]);
  assert.ok(await runtimeReady(nodes[0]!));
  await nodes[0]!.remove();
});

test('two nodes side by side know nothing of each other, and one goes without the other', { skip }, async () => {
  const before = await snapshot([A, B]);
  const [a, b] = await Promise.all([library(), library({ name: B, podSubnet: '10.245.0.0/24' })]);
  assert.deepEqual([a.subnets.pods, b.subnets.pods], ['10.244.0.0/24', '10.245.0.0/24']);
  const inside = async (node: HostNode): Promise<string> =>
    (await run(node.enter(['readlink', '/proc/self/ns/net', '/proc/self/ns/mnt']))).stdout;
  assert.notEqual(await inside(a), await inside(b));
  await a.remove();
  assert.ok(await runtimeReady(b));
  assert.equal(existsSync(a.paths.stateDir), false);
  await b.remove();
  assert.deepEqual(await snapshot([A, B]), before);
});

test('what ends by accident comes back: containerd, the uplink with its port, the holder of the mounts', { skip }, async () => {
  const node = await library({ uplink: 'slirp4netns', port: PORT });
  const mountNamespace = async (): Promise<string> => (await run(node.enter(['readlink', '/proc/self/ns/mnt']))).stdout;
  const namespace = await mountNamespace();
  for (const role of ['containerd', 'uplink', 'holder'] as const) {
    const id = node.state.current.processes[role];
    assert.ok(id);
    signalProcess(id, 'SIGKILL');
    await until(`${role} to come back`, () => {
      const now = node.state.current.processes[role];
      return now !== undefined && now.pid !== id.pid && isRunning(now);
    });
  }
  await until('containerd to answer', () => runtimeReady(node));
  await until('the same mount namespace', async () => (await mountNamespace()) === namespace);
  await until('the port to be taken again', () => isTaken(PORT));
  await node.remove();
});

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}

test('a start that fails halfway leaves nothing', { skip }, async () => {
  const before = await snapshot([A]);
  const blocker = createServer();
  await new Promise<void>((resolve) => void blocker.listen(PORT, '127.0.0.1', resolve));
  try {
    const { exitCode, stdout } = await kijabi('start', '--once', '--json', '--name', A, '--port', String(PORT));
    assert.equal(exitCode, 1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; next: string } };
    assert.equal(error.code, 'PORT_BUSY');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${PORT}`));
    assert.match(error.next, /--port/);
  } finally {
    blocker.close();
  }
  assert.deepEqual(await snapshot([A]), before);
});

test('stopping a start under way leaves nothing', { skip }, async () => {
  const before = await snapshot([A]);
  for (const afterMs of [5, 60, 120]) {
    const stop = new AbortController();
    const starting = library({ uplink: 'slirp4netns', port: PORT, signal: stop.signal }).then(
      (node) => node.remove(),
      (err: unknown) => assert.equal(err, stop.signal.reason),
    );
    await clock.sleep(afterMs, ever);
    stop.abort(new Error('enough'));
    await starting;
    assert.deepEqual(await snapshot([A]), before, `stopped after ${afterMs} ms`);
  }
});

test('--manifests: a directory of the user’s, its refusals explained, and left as it was', { skip }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kijabi manifests '));
  try {
    writeFileSync(
      join(directory, 'web.yaml'),
      'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    imagee: nginx\n',
    );
    const refused = await kijabi('start', '--once', '--json', '--name', A, '--manifests', directory, '--port', String(PORT));
    assert.equal(refused.exitCode, 1);
    const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string } };
    assert.equal(error.code, 'MANIFEST_REFUSED');
    assert.match(error.message, /web\.yaml:8:\d+: .*did you mean image/);

    const pod = (name: string, port: number): string =>
      `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}"},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"c","image":"busybox","command":["httpd","-f","-p","${port}"],"ports":[{"containerPort":${port}}]}]}}`;
    writeFileSync(join(directory, 'web.yaml'), pod('web', 8080));
    const served = await kijabi(
      'start',
      '--once',
      '--json',
      '--name',
      A,
      '--node-name',
      'worker',
      '--manifests',
      directory,
      '--port',
      String(PORT),
    );
    const result = JSON.parse(served.stdout) as { pod: string; httpStatus: number };
    assert.deepEqual(
      [result.pod, result.httpStatus, served.exitCode],
      ['web-worker', 404, 1],
      'an answer, but not the one that counts as success',
    );
    assert.deepEqual(readdirSync(directory), ['web.yaml']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
