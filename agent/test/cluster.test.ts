/** Three nodes and what textbooks promise of them, end to end: real containerd, kubelets, service proxies, one control plane, kubectl. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import type { Event } from '#api/kinds/core/event.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isReady, NODE, startThreeNodes, type Lab } from '../../controlplane/test/threeNodes.ts';
import { missingPackages, NODE_PACKAGES } from '../host/packages.ts';
import { until as untilWithin } from './harness/until.ts';
import { snapshot, type Snapshot } from './hostSnapshot.ts';

const missing = process.getuid?.() === 0 ? missingPackages(NODE_PACKAGES) : ['root'];
const skip = missing.length > 0 ? { skip: `needs ${missing.join(', ')}` } : {};
const NAME = `t${process.pid}c`;
const [SECOND, THIRD] = [`${NODE}-2`, `${NODE}-3`];
/** Three times as long as a Lease is at most old. */
const GRACE = '30s';
/** For what goes on over several starts of pods on a busy machine. */
const LONG_MS = 240_000;
const until = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => untilWithin(what, condition);

/** Ends in order: no new connections, then what is open. The first second is for the proxies to hear of it. */
const WEB = (name: string, replicas: number, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          {
            name: 'nginx',
            image: 'nginx',
            ports: [{ containerPort: 80 }],
            readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
            lifecycle: { preStop: { sleep: { seconds: 3 } } },
          },
        ],
        ...more,
      },
    },
  },
});
const SCRIPT = (name: string, script: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script] }], ...more },
});
const JOB = (name: string, script: string, spec: object, pod: object): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    ...spec,
    template: {
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script], volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] }],
        volumes: [{ name: 'tmp', emptyDir: {} }],
        ...pod,
      },
    },
  },
});
/** What is placed anew soon after its node is lost. */
const SOON = ['not-ready', 'unreachable'].map((taint) => ({
  key: `node.kubernetes.io/${taint}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 1,
}));

void describe('three nodes', skip, () => {
  let lab: Lab;
  let before_: Snapshot;

  const kubectl = async (args: string, input?: object): Promise<string> => {
    const { code, out, err } = await lab.kubectl.run(args.split(' '), input === undefined ? {} : { input: JSON.stringify(input) });
    assert.equal(code, 0, `kubectl ${args}\n${out}${err}`);
    return out;
  };
  const apply = (...objects: readonly object[]): Promise<string> =>
    kubectl('apply -f -', { apiVersion: 'v1', kind: 'List', items: objects });
  const podsOf = async (app: string, namespace = 'default'): Promise<readonly Pod[]> =>
    (await lab.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`))?.items ?? [];
  const runs = (pod: Pod): boolean =>
    pod.metadata.deletionTimestamp === undefined && pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;
  const ready = (app: string, count: number): Promise<void> =>
    until(`${count} pods of ${app} are ready`, async () => (await podsOf(app)).filter(runs).length === count);
  const rolledOut = (name: string): Promise<string> => kubectl(`rollout status deployment/${name} --timeout=${LONG_MS}ms`);
  /** What a pod says when it is asked to run this. */
  const inside = async (pod: string, ...argv: readonly string[]): Promise<string> => {
    const { out, err } = await lab.kubectl.run(['exec', pod, '--', ...argv]);
    return out + err;
  };
  const replicaSets = async (
    app: string,
  ): Promise<readonly { readonly metadata: { readonly name: string }; readonly status?: { readonly replicas?: number } }[]> =>
    (
      await lab.get<{ items: { metadata: { name: string }; status?: { replicas?: number } }[] }>(
        `/apis/apps/v1/namespaces/default/replicasets?labelSelector=app%3D${app}`,
      )
    )?.items ?? [];

  before(async () => {
    before_ = await snapshot([NAME]);
    lab = await startThreeNodes(NAME, { controllerManager: [`--node-monitor-grace-period=${GRACE}`] });
    // Whoever asks from inside stays where it is.
    await apply(SCRIPT('client', 'sleep 100000', { nodeName: NODE }));
    await ready('client', 1);
  });
  after(async () => {
    await lab?.stop();
  });

  void describe('side by side', { concurrency: true }, () => {
    test('a deployment is rolled out, scaled and rolled back under load, and no request fails', async () => {
      await apply(WEB('web', 2), {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
      });
      await rolledOut('web');
      const ask =
        'while :; do if wget -qO- http://web > /dev/null 2>/tmp/err; then echo ok; else echo "failed $(cat /tmp/err)"; fi; usleep 50000; done';
      await apply(SCRIPT('load', ask, { nodeName: SECOND }));
      const asked = async (): Promise<string> => lab.kubectl.run(['logs', 'load', '--tail=-1']).then(({ out }) => out);
      const goesOn = async (): Promise<void> => {
        const from = (await asked()).length;
        await until('it is asked on', async () => (await asked()).length > from + 30);
      };
      await goesOn();
      for (const change of [
        'set env deployment/web VERSION=2',
        'scale deployment/web --replicas=4',
        'rollout undo deployment/web',
        'scale deployment/web --replicas=1',
      ]) {
        await kubectl(change);
        await rolledOut('web');
      }
      await goesOn();
      const said = (await asked()).trim().split('\n');
      assert.deepEqual(
        said.filter((line) => line !== 'ok'),
        [],
        `of ${said.length} requests`,
      );
      assert.match(await kubectl('rollout history deployment/web'), /REVISION.*\n2 .*\n3 /);
      await kubectl('delete pod load --wait=false');
    });

    test('events tell of a deployment in order, with sources, reasons and messages of upstream', async () => {
      await kubectl('create deployment told --image=nginx');
      await rolledOut('told');
      const [pod] = await podsOf('told');
      const [set] = await replicaSets('told');
      const name = pod?.metadata.name ?? '';
      let told: Event[] = [];
      await until('all events are there', async () => {
        const { items = [] } = (await lab.get<{ items: Event[] }>('/api/v1/namespaces/default/events')) ?? {};
        told = items.filter(({ involvedObject: { name: of } }) => of === 'told' || of === set?.metadata.name || of === name);
        return told.some(({ reason }) => reason === 'Started');
      });
      const place = (await podsOf('told'))[0]?.spec.nodeName;
      const rows: readonly (readonly [from: string, kind: string, reason: string, message: RegExp])[] = [
        [
          'deployment-controller',
          'Deployment',
          'ScalingReplicaSet',
          new RegExp(`^Scaled up replica set ${set?.metadata.name} from 0 to 1$`),
        ],
        ['replicaset-controller', 'ReplicaSet', 'SuccessfulCreate', new RegExp(`^Created pod: ${name}$`)],
        ['default-scheduler', 'Pod', 'Scheduled', new RegExp(`^Successfully assigned default/${name} to ${place}$`)],
        ['kubelet', 'Pod', 'Pulling', /^Pulling image "nginx"$/],
        ['kubelet', 'Pod', 'Pulled', /^Successfully pulled image "nginx" in .*s \(.*s including waiting\)\. Image size: \d+ bytes\.$/],
        ['kubelet', 'Pod', 'Created', /^(Created container: nginx|Container created)$/],
        ['kubelet', 'Pod', 'Started', /^(Started container nginx|Container started)$/],
      ];
      const atMs = (event: Event): number => Date.parse(event.eventTime ?? event.firstTimestamp ?? '');
      const found = rows.map(([from, kind, reason, message]) => {
        const event = told.find((e) => e.involvedObject.kind === kind && e.reason === reason);
        assert.ok(event, `${reason} of ${from}: ${JSON.stringify(told.map((e) => [e.reason, e.message]))}`);
        assert.equal(event.source?.component || event.reportingComponent, from);
        assert.match(event.message ?? '', message);
        return event;
      });
      // Some times are of seconds, and who acts last may be told of first.
      for (const [i, event] of found.entries()) assert.ok(i === 0 || atMs(event) >= atMs(found[i - 1] ?? event) - 2_000, `${rows[i]?.[2]}`);
      await kubectl('delete deployment told --wait=false');
    });

    test('a job whose pods fail has failed when it says so; one whose container fails once is complete', async () => {
      await apply(
        JOB('bad', 'exit 3', { backoffLimit: 1 }, { restartPolicy: 'Never' }),
        JOB('again', '[ -e /tmp/once ] || { touch /tmp/once; exit 1; }', { completions: 2 }, { restartPolicy: 'OnFailure' }),
      );
      await kubectl(`wait --for=condition=Failed job/bad --timeout=${LONG_MS}ms`);
      assert.equal(
        await kubectl('get job bad -o jsonpath={.status.failed}/{.status.conditions[?(@.type=="Failed")].reason}'),
        '2/BackoffLimitExceeded',
      );
      await kubectl(`wait --for=condition=Complete job/again --timeout=${LONG_MS}ms`);
      assert.equal(await kubectl('get job again -o jsonpath={.status.succeeded}'), '2');
      const { items = [] } = (await lab.get<{ items: Pod[] }>('/api/v1/namespaces/default/pods?labelSelector=job-name%3Dagain')) ?? {};
      assert.deepEqual(
        items.map(({ status }) => status?.containerStatuses?.[0]?.restartCount),
        [1, 1],
      );
    });

    test('a stateful set keeps its names, its order and its data, on volumes that were made for it', async () => {
      const path = join(lab.nodes[0].paths.stateDir, 'local-path');
      const write = 'echo $HOSTNAME >> /data/lives; sleep 100000';
      await apply(
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'StorageClass',
          metadata: { name: 'local-path' },
          provisioner: 'kijabi.io/local-path',
          volumeBindingMode: 'WaitForFirstConsumer',
          parameters: { path, helperImage: 'busybox' },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'db' },
          spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 80 }] },
        },
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          metadata: { name: 'db' },
          spec: {
            serviceName: 'db',
            replicas: 2,
            selector: { matchLabels: { app: 'db' } },
            template: {
              metadata: { labels: { app: 'db' } },
              spec: {
                terminationGracePeriodSeconds: 1,
                containers: [
                  { name: 'main', image: 'busybox', command: ['sh', '-c', write], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
                ],
              },
            },
            volumeClaimTemplates: [
              {
                metadata: { name: 'data' },
                spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local-path', resources: { requests: { storage: '1Mi' } } },
              },
            ],
            persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
          },
        },
      );
      await ready('db', 2);
      const of = async (name: string): Promise<Pod | undefined> => (await podsOf('db')).find(({ metadata }) => metadata.name === name);
      const [first, second] = [await of('db-0'), await of('db-1')];
      assert.ok(Date.parse(first?.metadata.creationTimestamp ?? '') <= Date.parse(second?.metadata.creationTimestamp ?? ''));
      await kubectl('delete pod db-0');
      await kubectl('scale statefulset/db --replicas=1');
      await until('db-1 is gone and another db-0 runs', async () => {
        const now = await podsOf('db');
        return now.length === 1 && now.every((pod) => runs(pod) && pod.metadata.uid !== first?.metadata.uid);
      });
      await kubectl('scale statefulset/db --replicas=2');
      await ready('db', 2);
      for (const name of ['db-0', 'db-1']) assert.equal(await inside(name, 'cat', '/data/lives'), `${name}\n${name}\n`);
      assert.equal((await of('db-0'))?.spec.nodeName, first?.spec.nodeName, 'where its volume is');
      // Names of its own in cluster DNS.
      const ip = (await of('db-1'))?.status?.podIP ?? '?';
      await until('its name is known', async () =>
        (await inside('client', 'nslookup', 'db-1.db.default.svc.cluster.local')).includes(`Address: ${ip}`),
      );
      assert.equal(readdirSync(path).length, 2);
      await kubectl('delete statefulset db');
      await until('claims, volumes and directories are gone', async () => {
        const { items = [undefined] } = (await lab.get<{ items: object[] }>('/api/v1/persistentvolumes')) ?? {};
        return items.length === 0 && readdirSync(path).length === 0;
      });
    });

    test('a namespace goes with all that is in it', async () => {
      await kubectl('create namespace gone');
      await apply(
        ...[WEB('last', 1), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept', finalizers: ['example.com/wait'] } }].map(
          (object) => ({
            ...object,
            metadata: { ...(object as { metadata: object }).metadata, namespace: 'gone' },
          }),
        ),
      );
      await until('a pod of it runs', async () => (await podsOf('last', 'gone')).some(runs));
      await kubectl('delete namespace gone --wait=false');
      const namespace = async (): Promise<
        { status?: { phase?: string; conditions?: { type: string; status: string; message?: string }[] } } | undefined
      > => lab.get('/api/v1/namespaces/gone');
      await until(
        'it says what keeps it',
        async () =>
          (await namespace())?.status?.conditions?.some(
            (c) => c.type === 'NamespaceFinalizersRemaining' && c.status === 'True' && c.message?.includes('example.com/wait'),
          ) === true,
      );
      assert.equal((await namespace())?.status?.phase, 'Terminating');
      assert.match((await lab.kubectl.run(['-n', 'gone', 'create', 'configmap', 'late'])).err, /because it is being terminated/);
      await kubectl('-n gone patch configmap kept --type=merge -p {"metadata":{"finalizers":null}}');
      await kubectl(`wait --for=delete namespace/gone --timeout=${LONG_MS}ms`);
    });

    test('foreground deletion: owners stay until what they own is gone', async () => {
      await apply(WEB('front', 1));
      await rolledOut('front');
      const [set] = await replicaSets('front');
      await kubectl('delete deployment front --cascade=foreground --wait=false');
      const deployment = '/apis/apps/v1/namespaces/default/deployments/front';
      const seen: boolean[] = [];
      await until('the deployment is gone', async () => {
        const there = (await lab.get<{ metadata: { finalizers?: string[] } }>(deployment)) !== undefined;
        const pods = await podsOf('front');
        seen.push(there || pods.length === 0);
        return !there;
      });
      assert.ok(seen.every(Boolean), 'it was gone before its pod');
      assert.equal(await lab.get(`/apis/apps/v1/namespaces/default/replicasets/${set?.metadata.name}`), undefined);
    });

    test('names of services, pods and the world beyond, asked from a pod', async () => {
      await apply(
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'named' },
          spec: { clusterIP: '10.96.33.44', ports: [{ name: 'http', port: 80 }] },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'else' },
          spec: { type: 'ExternalName', externalName: 'kubernetes.default.svc.cluster.local' },
        },
      );
      const rows: readonly (readonly [args: string, answer: RegExp])[] = [
        ['named', /Name:\s+named\.default\.svc\.cluster\.local\nAddress: 10\.96\.33\.44/],
        ['kubernetes.default.svc.cluster.local', /Address: 10\.96\.0\.1\n/],
        ['-type=srv _http._tcp.named.default.svc.cluster.local', /service = 0 100 80 named\.default\.svc\.cluster\.local/],
        ['10.96.33.44', /name = named\.default\.svc\.cluster\.local/],
        ['10-244-9-9.default.pod.cluster.local', /Address: 10\.244\.9\.9/],
        ['else.default.svc.cluster.local', /canonical name = kubernetes\.default\.svc\.cluster\.local/],
        ['nobody.default.svc.cluster.local', /NXDOMAIN/],
      ];
      // The name server tool completes names without a dot alone.
      await until('a name with its namespace', async () =>
        (await inside('client', 'ping', '-c', '1', '-W', '1', 'named.default')).includes('(10.96.33.44)'),
      );
      for (const [args, answer] of rows) {
        let said = '';
        await until(`nslookup ${args}`, async () => answer.test((said = await inside('client', 'nslookup', ...args.split(' '))))).catch(
          (err: unknown) => {
            throw new Error(`${String(err)}: ${said}`);
          },
        );
      }
    });
  });

  test('pods see each other with their own addresses, and the world beyond as their node', async () => {
    await apply(WEB('there', 1, { nodeName: THIRD }), SCRIPT('asks', 'sleep 100000', { nodeName: THIRD }));
    await Promise.all([ready('there', 1), ready('asks', 1)]);
    const [[client], [there]] = [await podsOf('client'), await podsOf('there')];
    await inside('client', 'wget', '-qO-', `http://${there?.status?.podIP}`);
    const name = there?.metadata.name ?? '';
    await until('it knows who asked', async () => (await lab.kubectl.run(['logs', name])).out.includes(`${client?.status?.podIP} - - `));
    // An address of the first node's that is none of the cluster's: beyond, for a pod of the third.
    const [first, , third] = lab.nodes;
    await execa('ip', ['-n', first.paths.netns, 'address', 'add', '198.51.100.7/32', 'dev', 'lo']);
    const tell =
      "require('net').createServer((s) => { console.log(s.remoteAddress); s.destroy(); process.exit(); }).listen(7777, '198.51.100.7', () => console.log('ready'))";
    const beyond = execa('nsenter', [`--net=/run/netns/${first.paths.netns}`, process.execPath, '-e', tell], {
      buffer: false,
      reject: false,
      timeout: 120_000, // nobody may come
    });
    const said: string[] = [];
    for await (const line of beyond) {
      said.push(line);
      if (line === 'ready') void inside('asks', 'wget', '-qO-', 'http://198.51.100.7:7777');
    }
    assert.deepEqual(said, ['ready', third.address]);
    await kubectl('delete deployment/there pod/asks --wait=false');
  });

  test('control plane killed in the middle of a rollout: the other leader takes over, and nothing is done twice', async () => {
    const [first, second] = lab.nodes;
    const { kubernetesDir } = first.paths;
    const flags = (name: string): string[] => [`--kubeconfig=${kubernetesDir}/${name}.conf`, '--bind-address=127.0.0.1'];
    const launcher = new URL('../../controlplane/cli/kijabi-control-plane', import.meta.url).pathname;
    const [program, ...args] = second.enter([
      launcher,
      'kube-controller-manager',
      ...flags('controller-manager'),
      '--use-service-account-credentials',
      `--root-ca-file=${kubernetesDir}/pki/ca.crt`,
      '--',
      'kube-scheduler',
      ...flags('scheduler'),
    ]);
    const other = execa(program, args, { reject: false, all: true });
    const holder = async (name: string): Promise<string> =>
      (await lab.get<{ spec: { holderIdentity?: string } }>(`/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${name}`))?.spec
        .holderIdentity ?? '';
    const leaders = (): Promise<readonly string[]> => Promise.all(['kube-controller-manager', 'kube-scheduler'].map(holder));
    try {
      await apply(WEB('survivor', 3));
      await rolledOut('survivor');
      const earlier = await leaders();
      assert.ok(earlier.every((identity) => identity !== ''));
      await kubectl('set env deployment/survivor VERSION=2');
      await until('the rollout has begun', async () => (await replicaSets('survivor')).length === 2);
      lab.killControlPlane();
      await until('others lead', async () => (await leaders()).every((identity, i) => identity !== '' && identity !== earlier[i]));
      await until('the rollout is over', async () => {
        const pods = await podsOf('survivor');
        return pods.length === 3 && pods.every((pod) => runs(pod) && pod.spec.containers[0]?.env?.[0]?.value === '2');
      });
      assert.deepEqual(
        (await replicaSets('survivor')).map(({ status }) => status?.replicas ?? 0).sort((a, b) => a - b),
        [0, 3],
      );
    } finally {
      other.kill('SIGKILL');
      await other;
    }
    // And back again: whoever is there leads.
    await kubectl('scale deployment/survivor --replicas=1');
    await until('one is left', async () => (await podsOf('survivor')).length === 1);
    await kubectl('delete deployment survivor --wait=false');
  });

  test('drain keeps the budget, and the node takes nothing until it is uncordoned', async () => {
    const prefers = {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, preference: { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [SECOND] }] } },
          ],
        },
      },
    };
    await apply(WEB('guarded', 2, prefers), {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'guarded' },
      spec: { minAvailable: 2, selector: { matchLabels: { app: 'guarded' } } },
    });
    await rolledOut('guarded');
    assert.ok((await podsOf('guarded')).some(({ spec }) => spec.nodeName === SECOND));
    const drain = ['drain', SECOND, '--ignore-daemonsets', '--delete-emptydir-data', '--force'];
    const following = lab.kubectl.follow(drain);
    await following.says(/Cannot evict pod as it would violate the pod's disruption budget/);
    assert.equal((await podsOf('guarded')).filter(runs).length, 2, 'all are there');
    const counts: number[] = [];
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) counts.push((await podsOf('guarded')).filter(runs).length);
    })();
    await kubectl('scale deployment/guarded --replicas=3'); // one more than has to be there: now one at a time may go
    assert.equal(await following.ended(), 0);
    over.abort();
    await watching;
    assert.ok(
      counts.every((count) => count >= 2),
      `at times only ${Math.min(...counts)} of 2 that have to be there`,
    );
    const left = (await lab.get<{ items: Pod[] }>(`/api/v1/pods?fieldSelector=spec.nodeName%3D${SECOND}`))?.items ?? [];
    assert.deepEqual(
      left.map(({ metadata }) => metadata.name),
      [],
    );
    await until(
      'all run elsewhere',
      async () => (await podsOf('guarded')).filter((pod) => runs(pod) && pod.spec.nodeName !== SECOND).length === 3,
    );
    assert.match(await kubectl(`get node ${SECOND}`), /Ready,SchedulingDisabled/);
    await kubectl(`uncordon ${SECOND}`);
    await kubectl('delete deployment/guarded pdb/guarded --wait=false');
  });

  test('a node without power: its pods move when the time is over; with power it is back and empty', async () => {
    const third = lab.nodes[2];
    const spread = {
      tolerations: SOON,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: 'moving' } },
        },
      ],
    };
    await apply(WEB('moving', 3, spread));
    await rolledOut('moving');
    const onThird = async (): Promise<readonly Pod[]> => (await podsOf('moving')).filter(({ spec }) => spec.nodeName === THIRD);
    assert.ok((await onThird()).length > 0);
    const node = (): Promise<Node | undefined> => lab.get<Node>(`/api/v1/nodes/${THIRD}`);
    await third.powerOff();
    await until('it is NotReady and tainted', async () => {
      const now = await node();
      const isTainted =
        now?.spec.taints?.some(({ key, effect }) => key === 'node.kubernetes.io/unreachable' && effect === 'NoExecute') === true;
      const condition = now?.status?.conditions?.find(({ type }) => type === 'Ready');
      return isTainted && condition?.status === 'Unknown' && condition.reason === 'NodeStatusUnknown';
    });
    await until(
      'three run elsewhere',
      async () => (await podsOf('moving')).filter((pod) => runs(pod) && pod.spec.nodeName !== THIRD).length === 3,
    );
    assert.ok(
      (await onThird()).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
      'those of it wait for its word',
    );
    await third.powerOn();
    await until('it is back', async () => {
      const now = await node();
      return now !== undefined && isReady(now) && (now.spec.taints ?? []).length === 0;
    });
    await until('what was there before is gone', async () => (await onThird()).length === 0);
    await apply(SCRIPT('after', 'sleep 100000', { nodeName: THIRD }));
    await ready('after', 1);
    const ip = (await podsOf('after'))[0]?.status?.podIP ?? '?';
    await until('the others reach it', async () =>
      (await inside('client', 'ping', '-c', '1', '-W', '1', ip)).includes('1 packets received'),
    );
  });

  test('down: nothing is left of any of them', async () => {
    await lab.stop();
    assert.deepEqual(await snapshot([NAME]), before_);
    assert.ok(!existsSync(lab.nodes[1].paths.stateDir));
  });
});
