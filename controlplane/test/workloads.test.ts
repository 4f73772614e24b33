/** The controllers of workloads with a real API server, in this process, and the kubectl that people type; pods are made ready by a fake. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { runControllers } from '../controllers/run.ts';
import { kubectlOf } from './kubectl/clients.ts';
import { makeProgram, type Program } from './kubectl/kit.ts';
import { FakeNodes } from './workloads/fakeNodes.ts';
import { mustTell } from './upstreamEvents.ts';

/** Nodes that nobody speaks for are not for the controllers of nodes. */
const isOn = ({ name, isOff }: { readonly name: string; readonly isOff?: true }): boolean => isOff !== true && !/^(node|taint)-/.test(name);

void describe('workloads', () => {
  /** Of the controllers; the server's own is that of the machine. */
  const clock = new (class extends SystemClock {
    aheadMs = 0;
    override nowMs(): number {
      return super.nowMs() + this.aheadMs;
    }
  })();
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
      runControllers({ config, clock, log, isOn }, life.signal),
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
    assert.match(await say('rollout status deployment/web --timeout=300s'), /successfully rolled out/);
    const first = await get('rs', '{.items[0].metadata.name}');
    await say('scale deployment web --replicas=5');
    await say('rollout status deployment/web --timeout=300s');
    await say('set image deployment/web nginx=nginx:2');
    assert.match(await say('rollout status deployment/web --timeout=300s'), /successfully rolled out/);
    assert.match(await say('rollout history deployment/web'), /^1 .*\n2 /m);
    await say('rollout undo deployment/web');
    await say('rollout status deployment/web --timeout=300s');
    assert.equal(await get('deployment/web', '{.spec.template.spec.containers[0].image}'), 'nginx:1');
    assert.match(await say('rollout history deployment/web'), /^2 .*\n3 /m);
    await say('rollout pause deployment/web');
    await say('set image deployment/web nginx=nginx:3');
    await until('it says that it is paused', async () =>
      (await get('deployment/web', '{.status.conditions[?(@.type=="Progressing")].reason}')).includes('DeploymentPaused'),
    );
    assert.equal((await get('rs', '{.items[*].metadata.name}')).split(' ').length, 2);
    await say('rollout resume deployment/web');
    await say('rollout status deployment/web --timeout=300s');
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
    assert.match(await say('wait job/good --for=condition=complete --timeout=300s'), /condition met/);
    assert.match(await say('wait job/bad --for=condition=failed --timeout=300s'), /condition met/);
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

  const labels = { app: 'x' };
  const workload = (kind: string, name: string, spec: object): string =>
    manifest({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name },
      spec: {
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'one' }] } },
        ...spec,
      },
    });

  test('a daemon set: a pod on every node, rolled out and undone, and on a node that comes later', async () => {
    const node = (name: string): string => manifest({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    const ready = 'node.kubernetes.io/not-ready-';
    await say('apply -f -', node('n1') + node('n2'));
    await say(`taint nodes n1 n2 ${ready}`);
    await say('apply -f -', workload('DaemonSet', 'agent', {}));
    await until('both nodes are seen', async () => (await get('ds/agent', '{.status.desiredNumberScheduled}')) === '2');
    assert.match(await say('rollout status ds/agent --timeout=300s'), /successfully rolled out/);
    assert.equal((await get('pods -l app=agent', '{.items[*].spec.nodeName}')).split(' ').toSorted().join(), 'n1,n2');
    await say('set image ds/agent c=two');
    await say('rollout status ds/agent --timeout=300s');
    assert.match(await say('rollout history ds/agent'), /^1 .*\n2 /m);
    await say('rollout undo ds/agent');
    await say('rollout status ds/agent --timeout=300s');
    assert.equal(await get('pods -l app=agent', '{.items[*].spec.containers[0].image}'), 'one one');
    await say('apply -f -', node('n3'));
    await say(`taint nodes n3 ${ready}`);
    await until('the third', async () => (await get('ds/agent', '{.status.numberReady}')) === '3');
    assert.match((await events('agent'))[0] ?? '', /^daemonset-controller SuccessfulCreate Created pod: agent-\w+$/);
  });

  test('a stateful set: in order with its claims, rolled out from the top, undone, made smaller', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const claims = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec }] };
    const policy = { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' } };
    await say('apply -f -', workload('StatefulSet', 'db', { replicas: 2, serviceName: 'db', ...claims, ...policy }));
    await say('rollout status sts/db --timeout=300s');
    assert.equal(await get('pods -l app=db', '{.items[*].metadata.name}'), 'db-0 db-1');
    assert.equal(await get('pvc', '{.items[*].metadata.name}'), 'data-db-0 data-db-1');
    await say('set image sts/db c=two');
    assert.match(await say('rollout status sts/db --timeout=300s'), /complete/);
    await say('rollout undo sts/db');
    await say('rollout status sts/db --timeout=300s');
    assert.equal(await get('pods -l app=db', '{.items[*].spec.containers[0].image}'), 'one one');
    await say('scale sts db --replicas=1');
    await until('its claim goes with the second', async () => {
      const { items } = JSON.parse(await say('get pvc -o json')) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
      // What protects claims in use may still hold it.
      return items.every(({ metadata }) => metadata.name === 'data-db-0' || metadata.deletionTimestamp !== undefined);
    });
    await until('all is told', async () => (await events('db')).length >= 5);
    const told = await events('db');
    assert.ok(
      told.includes('statefulset-controller SuccessfulCreate create Claim data-db-0 Pod db-0 in StatefulSet db success'),
      told.join(),
    );
    assert.ok(told.includes('statefulset-controller SuccessfulCreate create Pod db-0 in StatefulSet db successful'), told.join());
  });

  test('a cron job: when it is due it makes a job, whose end it sees', async () => {
    const made = await kubectl.run(['create', 'cronjob', 'tick', '--image=i', '--schedule=* * * * *']);
    assert.equal(made.code, 0, made.err);
    const ends = { spec: { jobTemplate: { spec: { template: { metadata: { annotations: { ends: '0' } } } } } } };
    await say(`patch cronjob tick --type=merge -p ${JSON.stringify(ends)}`);
    clock.aheadMs = 61_000;
    await say('annotate cronjob tick look=now');
    await until('the end of the first', async () => (await events('tick')).some((text) => text.includes('SawCompletedJob')));
    await say('patch cronjob tick -p {"spec":{"suspend":true}}');
    await say('patch cronjob tick --type=merge -p {"spec":{"jobTemplate":{"spec":{"template":{"metadata":{"annotations":null}}}}}}');
    await say('create job by-hand --from=cronjob/tick');
    await until('the one that people made', async () => (await events('tick')).some((text) => text.includes('UnexpectedJob')));
    const told = await events('tick');
    assert.match(told[0] ?? '', /^cronjob-controller SuccessfulCreate Created job tick-\d+$/);
    // Minutes go by, and there may be more than one.
    assert.match(
      told.find((text) => text.includes('SawCompletedJob')) ?? '',
      /^cronjob-controller SawCompletedJob Saw completed job: tick-\d+, condition: Complete$/,
    );
    assert.match(await get('cronjob/tick', '{.status.lastScheduleTime}'), /:00Z$/);
  });

  test('all events are upstream’s', async () => {
    const events = JSON.parse(await say('get events -A -o json')) as { items: Event[] };
    mustTell(events.items, [
      'deployment-controller Deployment ScalingReplicaSet',
      ...['replicaset-controller ReplicaSet', 'replication-controller ReplicationController', 'daemonset-controller DaemonSet'].flatMap(
        (who) => [`${who} SuccessfulCreate`, `${who} SuccessfulDelete`],
      ),
      'job-controller Job SuccessfulCreate',
      'job-controller Job Completed',
      'job-controller Job PodFailurePolicy',
      'statefulset-controller StatefulSet SuccessfulCreate',
      'statefulset-controller StatefulSet SuccessfulDelete',
      'cronjob-controller CronJob SuccessfulCreate',
      'cronjob-controller CronJob SawCompletedJob',
      'cronjob-controller CronJob UnexpectedJob',
    ]);
  });

  test('nothing of all that was worth a warning', () => {
    assert.deepEqual(
      lines.filter((line) => /^<[34]>/.test(line)),
      [],
    );
  });
});
