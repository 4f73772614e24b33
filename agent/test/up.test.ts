/** `kijabi up`: a node joined to an API server of its own, and what kubectl of three ages does with it; then both go without a trace. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { kubectlOf, type Age } from '../../controlplane/test/kubectl/clients.ts';
import { makeKubectl, type Kubectl } from '../../controlplane/test/kubectl/kit.ts';
import { tellStory } from '../../controlplane/test/kubectl/story.ts';
import { tryStreams } from '../../controlplane/test/kubectl/streams.ts';
import { Textbook } from '../../controlplane/test/kubectl/textbook.ts';
import { downNode } from '../host/node.ts';
import { missingPackages, NODE_PACKAGES } from '../host/packages.ts';
import { nodePaths } from '../host/paths.ts';
import { readState } from '../host/state.ts';
import { signalProcess, type ProcessId } from '../linux/proc.ts';
import { until } from './harness/until.ts';
import { snapshot, type Snapshot } from './hostSnapshot.ts';

const KIJABI = new URL('../../controlplane/cli/kijabi', import.meta.url).pathname;
const missing = process.getuid?.() === 0 ? missingPackages(NODE_PACKAGES) : ['root'];
const skip = missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {};
const NAME = `t${process.pid}u`;
const NODE = 'worker';
/** Of the file that is copied. */
const MEGABYTES = 50;
/** Clients of an earlier minor version open streams by SPDY, these by WebSocket, which they would give up for SPDY. */
const WEBSOCKET_SINCE = 31;

void describe('kijabi up', skip, () => {
  let dir: string;
  let before_: Snapshot;
  let kubeconfig: string;
  const clients = new Map<Age, { readonly kubectl: Kubectl; readonly dir: string }>();

  const kijabi = (...args: readonly string[]) => execa(KIJABI, args, { reject: false, stdin: 'ignore', env: { NODE_OPTIONS: '' } });

  /** By subresource, the requests that were upgraded: SPDY asks by POST, a WebSocket by GET. */
  const upgrades = async (): Promise<{ readonly spdy: Map<string, number>; readonly webSocket: Map<string, number> }> => {
    const { out } = await clients.get('1.36')!.kubectl.run(['get', '--raw', '/metrics']);
    const found = { spdy: new Map<string, number>(), webSocket: new Map<string, number>() };
    const add = (to: Map<string, number>, key: string, count: number): void => void to.set(key, (to.get(key) ?? 0) + count);
    for (const [, verb, subresource = '', count] of out.matchAll(
      /^apiserver_request_total\{verb="(CREATE|GET)",group="",version="v1",resource="pods",subresource="(exec|attach|portforward)".*\} (\d+)$/gm,
    ))
      add(found[verb === 'GET' ? 'webSocket' : 'spdy'], subresource, Number(count));
    return found;
  };

  const restartKubelet = async (): Promise<void> => {
    const kubelet = (): ProcessId | undefined => readState(nodePaths(NAME).stateFile)?.processes.kubelet;
    const id = kubelet();
    assert.ok(id);
    signalProcess(id, 'SIGKILL');
    await until('another kubelet', () => kubelet()?.pid !== undefined && kubelet()?.pid !== id.pid);
  };

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kijabi-up-'));
    before_ = await snapshot([NAME]);
    const started = await kijabi('up', '--detach', '--name', NAME, '--node-name', NODE, '--port', String(20_000 + (process.pid % 10_000)));
    assert.equal(started.exitCode, 0, started.stderr);
    assert.match(started.stdout, /kubectl/);
    const env = await execa('sh', ['-ec', `eval "$(${KIJABI} env --name ${NAME})"; printf %s "$KUBECONFIG"`]);
    kubeconfig = readFileSync(env.stdout, 'utf8');
    for (const age of ['debian', '1.35', '1.36'] as const) {
      const program = await kubectlOf(age);
      const own = join(dir, age);
      clients.set(age, {
        dir: own,
        kubectl: await makeKubectl({ program, kubeconfig, dir: own, namespace: `with-${age.replace('.', '-')}` }),
      });
    }
  });
  after(async () => {
    await downNode(NAME, { clock: new SystemClock(), graceful: AbortSignal.abort(), onNote: () => undefined });
    rmSync(dir, { recursive: true, force: true });
  });

  test('from apply to delete with kubectl of three ages, all at once', async () => {
    const told = await Promise.allSettled([...clients.values()].map((client) => tellStory({ ...client, nodeName: NODE })));
    for (const [i, story] of told.entries())
      if (story.status === 'rejected') throw new Error(`kubectl ${[...clients.keys()][i]}: ${story.reason}`, { cause: story.reason });
    // Each of them attaches and forwards once, and those that can debug attach once more for that.
    const modern = [...clients.values()].filter(({ kubectl }) => kubectl.minor >= WEBSOCKET_SINCE).length;
    const old = clients.size - modern;
    await until('their WebSockets are counted', async () => {
      const { webSocket } = await upgrades();
      return webSocket.get('attach') === 2 * modern && webSocket.get('portforward') === modern;
    });
    const { spdy } = await upgrades();
    assert.deepEqual([spdy.get('attach') ?? 0, spdy.get('portforward') ?? 0], [old, old]);
  });

  for (const age of ['debian', '1.36'] as const)
    test(`streams over restarts and under load with kubectl ${age}`, async () => {
      const earlier = await upgrades();
      await tryStreams({ ...clients.get(age)!, nodeName: NODE, restartKubelet }, { megabytes: MEGABYTES });
      const now = await upgrades();
      const isOld = clients.get(age)!.kubectl.minor < WEBSOCKET_SINCE;
      const [used, other] = isOld ? (['spdy', 'webSocket'] as const) : (['webSocket', 'spdy'] as const);
      for (const kind of ['exec', 'portforward']) {
        assert.ok((now[used].get(kind) ?? 0) > (earlier[used].get(kind) ?? 0), `${kind} by ${used}`);
        assert.equal(now[other].get(kind), earlier[other].get(kind), `no ${kind} by ${other}`);
      }
    });

  test('what textbooks tell people to type, with kubectl of three ages', async () => {
    const { netns, manifestsDir, stateDir } = nodePaths(NAME);
    const inNode = async (...argv: readonly string[]): Promise<string> =>
      (await execa('nsenter', [`--net=/run/netns/${netns}`, ...argv])).stdout;
    const desk = { nodeName: NODE, manifestsDir, volumesDir: join(stateDir, 'local-path'), inNode };
    const books = [...clients.values()].map(({ kubectl }) => new Textbook({ ...desk, kubectl }));
    const read = await Promise.allSettled(books.map((book) => book.read()));
    for (const [i, book] of read.entries())
      if (book.status === 'rejected') throw new Error(`kubectl ${[...clients.keys()][i]}: ${book.reason}`, { cause: book.reason });
    for (const book of books) {
      await book.careForNodes();
      assert.deepEqual(book.untried, [], 'of the README');
    }
  });

  test('the static pod is seen by everybody, and deleting what is seen does not stop it', async () => {
    const { kubectl } = clients.get('1.36')!;
    const shown = async (field: string): Promise<string> =>
      (await kubectl.run(['get', 'pod', '-n', 'default', `static-nginx-${NODE}`, '-o', `jsonpath={${field}}`])).out;
    const [uid, container] = [await shown('.metadata.uid'), await shown('.status.containerStatuses[0].containerID')];
    assert.match(container, /^containerd:/);
    const { out } = await kubectl.run(['get', 'pods', '-A']);
    assert.match(out, new RegExp(`^default +static-nginx-${NODE} +1/1 +Running`, 'm'));
    await kubectl.run(['delete', 'pod', '-n', 'default', `static-nginx-${NODE}`]);
    await until('another mirror of the same container', async () => {
      const now = await shown('.metadata.uid');
      return now !== '' && now !== uid && (await shown('.status.containerStatuses[0].containerID')) === container;
    });
  });

  test('down: nothing is left, nothing of the host has changed', async () => {
    const down = await kijabi('down', '--name', NAME);
    assert.equal(down.exitCode, 0, down.stderr);
    assert.deepEqual(await snapshot([NAME]), before_);
  });
});
