/** The controllers of workloads with a real API server, in this process, and the kubectl that people type; pods are made ready by a fake. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { runControllers } from '../controllers/run.ts';
import { kubectlOf } from './kubectl/clients.ts';
import { makeProgram, type Program } from './kubectl/kit.ts';
import { FakeNodes } from './workloads/fakeNodes.ts';

void describe('workloads', () => {
  const clock = new SystemClock();
  const life = new AbortController();
  const lines: string[] = [];
  let running: Promise<unknown>;
  let server: DevServer;
  let dir: string;
  let kubectl: Program;

  before(async () => {
    server = await startDevServer();
    dir = mkdtempSync(join(tmpdir(), 'kijabi-workloads-'));
    kubectl = makeProgram({ program: await kubectlOf('1.36'), kubeconfig: server.kubeconfig, dir });
    const config = parseKubeconfig(server.kubeconfig);
    const log = makeLogger({ write: (line) => lines.push(line), clock });
    running = Promise.all([
      runControllers({ config, clock, log }, life.signal),
      new FakeNodes({ config, nodes: ['n1', 'n2'], broken: 'broken' }).run(life.signal),
    ]);
  });
  after(async () => {
    life.abort();
    await running;
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function say(text: string, input?: string): Promise<string> {
    const said = await kubectl.run(text.split(' '), input === undefined ? {} : { input });
    assert.equal(said.code, 0, `kubectl ${text}\n${said.out}${said.err}`);
    return said.out;
  }
  const get = async (what: string, path: string): Promise<string> => say(`get ${what} -o jsonpath=${path}`);
  const events = async (about: string): Promise<readonly string[]> => {
    const items = JSON.parse(await say(`get events -o json --field-selector involvedObject.name=${about}`)) as {
      items: { reason: string; message: string; source: { component: string } }[];
    };
    return items.items.map(({ source, reason, message }) => `${source.component} ${reason} ${message}`);
  };
  const manifest = (object: object): string => JSON.stringify(object);

  test('a deployment: made, scaled, rolled out, looked back at, undone, paused and resumed, with the events of upstream', async () => {
    await say('create deployment web --image=nginx:1 --replicas=3');
    assert.match(await say('rollout status deployment/web --timeout=60s'), /successfully rolled out/);
    const first = await get('rs', '{.items[0].metadata.name}');
    await say('scale deployment web --replicas=5');
    await say('rollout status deployment/web --timeout=60s');
    await say('set image deployment/web nginx=nginx:2');
    assert.match(await say('rollout status deployment/web --timeout=60s'), /successfully rolled out/);
    assert.match(await say('rollout history deployment/web'), /^1 .*\n2 /m);
    await say('rollout undo deployment/web');
    await say('rollout status deployment/web --timeout=60s');
    assert.equal(await get('deployment/web', '{.spec.template.spec.containers[0].image}'), 'nginx:1');
    assert.match(await say('rollout history deployment/web'), /^2 .*\n3 /m);
    await say('rollout pause deployment/web');
    await say('set image deployment/web nginx=nginx:3');
    await until('it says that it is paused', async () =>
      (await get('deployment/web', '{.status.conditions[?(@.type=="Progressing")].reason}')).includes('DeploymentPaused'),
    );
    assert.equal((await get('rs', '{.items[*].metadata.name}')).split(' ').length, 2);
    await say('rollout resume deployment/web');
    await say('rollout status deployment/web --timeout=60s');
    assert.equal(await get('pods', '{.items[*].spec.containers[0].image}'), Array(5).fill('nginx:3').join(' '));
    await until('the events are told', async () => (await events('web')).length >= 8 && (await events(first)).length >= 3);
    const told = await events('web');
    assert.equal(told[0], `deployment-controller ScalingReplicaSet Scaled up replica set ${first} from 0 to 3`);
    assert.equal(told[1], `deployment-controller ScalingReplicaSet Scaled up replica set ${first} from 3 to 5`);
    assert.match((await events(first))[0] ?? '', new RegExp(`^replicaset-controller SuccessfulCreate Created pod: ${first}-[a-z0-9]{5}$`));
  });

  test('a replication controller keeps its pods', async () => {
    const labels = { app: 'old' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await say(
      'apply -f -',
      manifest({ apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'old' }, spec: { replicas: 2, template } }),
    );
    await until('two are ready', async () => (await get('rc/old', '{.status.readyReplicas}')) === '2');
    await say('delete pod -l app=old --wait=false');
    await until(
      'two others are ready',
      async () => (await get('rc/old', '{.status.readyReplicas}')) === '2' && (await get('rc/old', '{.status.availableReplicas}')) === '2',
    );
    await say('scale rc old --replicas=0');
    await until('none is left', async () => (await get('pods -l app=old', '{.items[*].metadata.name}')) === '');
  });

  const job = (name: string, ends: string, spec: object, metadata: object = {}): string =>
    manifest({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, ...metadata },
      spec: {
        ...spec,
        template: {
          metadata: { annotations: { ends } },
          spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'i' }] },
        },
      },
    });

  test('jobs: one succeeds with all its indexes, one fails by its policy, one goes when its time is over; the finalizers of their pods go', async () => {
    await say('apply -f -', job('good', '0', { completions: 3, parallelism: 2, completionMode: 'Indexed' }));
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
    await say('apply -f -', job('bad', '42', { podFailurePolicy: { rules } }));
    assert.match(await say('wait job/good --for=condition=complete --timeout=60s'), /condition met/);
    assert.match(await say('wait job/bad --for=condition=failed --timeout=60s'), /condition met/);
    assert.equal(await get('job/good', '{.status.succeeded}/{.status.completedIndexes}'), '3/0-2');
    assert.match(
      await get('job/bad', '{.status.failed}/{.status.conditions[?(@.type=="Failed")].message}'),
      /^1\/Container main for pod default\/bad-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
    assert.equal(await get('pods -l batch.kubernetes.io/job-name', '{.items[*].metadata.finalizers[*]}'), '');
    assert.equal((await get('pods -l job-name=good', '{.items[*].metadata.name}')).split(' ').length, 3);
    await until('the end is told', async () => (await events('good')).some((text) => text === 'job-controller Completed Job completed'));
    const version = await get('job/good', '{.metadata.resourceVersion}');
    await say('apply -f -', job('short', '0', { ttlSecondsAfterFinished: 0 }));
    await until('it is gone', async () => (await get('jobs', '{.items[*].metadata.name}')) === 'bad good');
    assert.equal(await get('job/good', '{.metadata.resourceVersion}'), version, 'what is over is left alone');
  });

  test('nothing of all that was worth a warning', () => {
    assert.deepEqual(
      lines.filter((line) => /^<[34]>/.test(line)),
      [],
    );
  });
});
