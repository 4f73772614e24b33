/**
 * What everyone types who learns Kubernetes, with one kubectl, on a node of `kijabi up`: the answers have to be those that textbooks show. The
 * commands are those of the README too (textbookCommands). Several clients may read at once, each in a namespace of its own; only one at a time
 * may care for nodes, because it drains the node.
 */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '#agent/test/harness/until.ts';
import type { Following, Kubectl, Said } from './kit.ts';

export interface Desk {
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly manifestsDir: string;
  /** Where directories of volumes are made. */
  readonly volumesDir: string;
  /** Runs a program in the node's network namespace; what it prints. */
  readonly inNode: (...argv: readonly string[]) => Promise<string>;
}

const LONG_MS = 240_000;
/** `kubectl create cronjob` speaks batch/v1 since then, and no server since 1.25 what it spoke before. */
const CRON_SINCE = 21;
const README = new URL('../../../README.md', import.meta.url);

/** Between the fences that begin with `kubectl create deployment web`. */
export function textbookCommands(): readonly string[] {
  const block = /```\n(kubectl create deployment web[^]*?)```/.exec(readFileSync(README, 'utf8'))?.[1] ?? '';
  return block
    .split('\n')
    .map((line) => line.replace(/ +#.*$/, '').replace(/^kubectl /, ''))
    .filter(Boolean);
}

const quick = (command: readonly string[]): object => ({
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'main', image: 'busybox', command }],
});
const SLEEP = ['sleep', '100000'];
const manifest = (object: object): string => JSON.stringify(object);
const GREEDY = manifest({
  apiVersion: 'v1',
  spec: { containers: [{ name: 'greedy', image: 'nginx', resources: { requests: { cpu: '1000' } } }] },
});

export class Textbook {
  readonly #desk: Desk;
  readonly #namespace: string;
  readonly #typed = new Set<string>();
  readonly #followings: Following[] = [];

  constructor(desk: Desk) {
    this.#desk = desk;
    this.#namespace = `book-${desk.kubectl.minor}`;
  }

  /** Without those about nodes. */
  async read(): Promise<void> {
    try {
      await this.#looksAtTheCluster();
      await this.#runsAPod();
      await this.#rollsOut();
      await Promise.all([this.#meetsTheScheduler(), this.#runsJobs(), this.#runsDaemons(), this.#keepsData(), this.#putsAManifest()]);
    } finally {
      await Promise.all(this.#followings.map((following) => following.stop()));
    }
  }

  /** Afterwards the namespace is gone. */
  async careForNodes(): Promise<void> {
    const { nodeName } = this.#desk;
    await this.#says(`label node ${nodeName} disk=ssd`, /labeled/);
    await this.#says('get nodes -l disk=ssd', new RegExp(`^${nodeName} `, 'm'));
    await this.#says(`label node ${nodeName} disk-`, /^node\/\S+ (unlabeled|labeled)/);
    await this.#says(`taint node ${nodeName} key=value:NoSchedule`, /tainted/);
    await this.#says(`describe node ${nodeName}`, /^Taints: +key=value:NoSchedule$/m);
    await this.#says('run untolerating --image=nginx', /created/);
    await this.#becomes(
      'describe pod untolerating',
      /FailedScheduling .*default-scheduler +0\/1 nodes are available: 1 node\(s\) had untolerated taint \{key: value\}\. preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\./,
    );
    await this.#says(`taint node ${nodeName} key:NoSchedule-`, /untainted/);
    await this.#becomes('get pod untolerating', /^untolerating +1\/1 +Running/m);
    await this.#says(`cordon ${nodeName}`, /cordoned/);
    await this.#says('get nodes', new RegExp(`^${nodeName} +Ready,SchedulingDisabled `, 'm'));
    // Whatever the others left goes too; its mirror pod stays.
    await this.#says(
      `drain ${nodeName} --ignore-daemonsets --force --delete-emptydir-data --timeout=${LONG_MS}ms`,
      /evicting pod book-\d+\/untolerating/,
      /^node\/\S+ (drained|evicted)$/m,
    );
    await this.#says('get pods -A', new RegExp(`^default +static-nginx-${nodeName} +1/1 +Running`, 'm'));
    await this.#becomes('get pods', /^web-\S+ +0\/1 +Pending/m);
    await this.#says(`uncordon ${nodeName}`, /uncordoned/);
    await this.#becomes('get pods', /^web-\S+ +1\/1 +Running/m);
    await this.#says(`delete namespace ${this.#namespace} --wait=false`, /^namespace "book-\d+" deleted/);
  }

  /** Of the README's, those that were not tried. */
  get untried(): readonly string[] {
    return textbookCommands().filter((command) => !this.#typed.has(command));
  }

  #ask(command: string, input?: string): Promise<Said> {
    this.#typed.add(command);
    const words = (command.match(/(?:[^\s']+|'[^']*')+/g) ?? []).map((word) => word.replaceAll("'", ''));
    // cluster-info looks into kube-system by itself.
    const place = words[0] === 'cluster-info' ? [] : ['-n', this.#namespace];
    return this.#desk.kubectl.run([...place, ...words], input === undefined ? {} : { input });
  }

  async #says(command: string, ...patterns: readonly RegExp[]): Promise<string> {
    return this.#checked(command, await this.#ask(command), patterns);
  }

  #checked(command: string, { code, out, err }: Said, patterns: readonly RegExp[]): string {
    assert.equal(code, 0, `kubectl ${command}\n${out}${err}`);
    for (const pattern of patterns) assert.match(out, pattern, `kubectl ${command}\n${out}${err}`);
    return out;
  }

  async #apply(...objects: readonly object[]): Promise<void> {
    this.#checked('apply -f -', await this.#ask('apply -f -', objects.map(manifest).join('\n')), []);
  }

  async #becomes(command: string, pattern: RegExp): Promise<void> {
    let said: Said | undefined;
    await until(`kubectl ${command} says ${pattern}`, async () => pattern.test((said = await this.#ask(command)).out), LONG_MS).catch(
      (err: unknown) => {
        throw new Error(`${String(err)}\n${said?.out}${said?.err}`, { cause: err });
      },
    );
  }

  #follow(command: string): Following {
    this.#typed.add(command);
    const following = this.#desk.kubectl.follow(['-n', this.#namespace, ...command.split(' ')]);
    this.#followings.push(following);
    return following;
  }

  async #looksAtTheCluster(): Promise<void> {
    const { nodeName } = this.#desk;
    await this.#says(`create namespace ${this.#namespace}`, /created/);
    await this.#says(
      'cluster-info',
      /Kubernetes (control plane|master)\S* is running at \S*https:\/\/127\.0\.0\.1:\d+/,
      /CoreDNS\S* is running at .*\/kube-dns:dns\/proxy/,
    );
    await this.#says(
      'api-resources',
      /^pods +po +v1 +true +Pod$/m,
      /^deployments +deploy +apps\/v1 +true +Deployment$/m,
      /^leases .*coordination\.k8s\.io\/v1/m,
    );
    await this.#says('api-versions', /^v1$/m, /^apps\/v1$/m, /^batch\/v1$/m, /^rbac\.authorization\.k8s\.io\/v1$/m);
    await this.#says('get nodes -o wide', /CONTAINER-RUNTIME/, new RegExp(`^${nodeName} +Ready .* containerd://1\\.\\d+`, 'm'));
    await this.#says(
      `describe node ${nodeName}`,
      /^Conditions:\n +Type +Status +LastHeartbeatTime/m,
      /^ +Ready +True .*KubeletReady/m,
      /^PodCIDR: +10\.\d+\.\d+\.0\/24$/m,
      /^Allocated resources:/m,
      /Container Runtime Version: +containerd:\/\//,
    );
    await this.#says('get lease -n kube-system', /^kube-controller-manager +\S+ +\S+$/m, /^kube-scheduler +\S+ +\S+$/m);
    await this.#says(
      'get lease -n kube-system kube-scheduler -o yaml',
      /^ {2}holderIdentity: \S+_[-0-9a-f]{36}$/m,
      /^ {2}leaseDurationSeconds: 15$/m,
    );
    await this.#says('get svc -n kube-system kube-dns', /^kube-dns +ClusterIP +10\.96\.0\.10 +<none> +53\/UDP,53\/TCP,9153\/TCP/m);
  }

  async #runsAPod(): Promise<void> {
    const pods = this.#follow('get pods -w');
    const events = this.#follow('get events --watch -o wide');
    await this.#says('run nginx --image=nginx', /^pod\/nginx created\n$/);
    await pods.says(/^nginx +0\/1 +Pending[\s\S]*^nginx +0\/1 +ContainerCreating[\s\S]*^nginx +1\/1 +Running/m);
    await events.says(/ Scheduled +pod\/nginx .*default-scheduler[\s\S]* Started +pod\/nginx .*kubelet/);
    await this.#says(
      'get pods -A',
      new RegExp(`^default +static-nginx-${this.#desk.nodeName} +1/1 +Running`, 'm'),
      new RegExp(`^${this.#namespace} +nginx +1/1 +Running`, 'm'),
    );
    await this.#says(
      'describe pod nginx',
      new RegExp(`^Node: +${this.#desk.nodeName}/10\\.`, 'm'),
      /Normal +Scheduled .*default-scheduler +Successfully assigned book-\d+\/nginx to/,
      /Normal +Started .*kubelet/,
    );
    await this.#says('logs nginx');
    await this.#becomes('top pod', /^nginx +\d+m +\d+Mi/m);
    await this.#becomes('top node', new RegExp(`^${this.#desk.nodeName} +\\d+m +\\d+% +\\d+Mi +\\d+%`, 'm'));
  }

  async #rollsOut(): Promise<void> {
    const out = /deployment "web" successfully rolled out/;
    await this.#says('create deployment web --image=nginx --replicas=3', /created/);
    await this.#says('rollout status deployment/web', out);
    await this.#says('expose deployment web --port=80', /^service\/web exposed/);
    const endpoint = '10\\.\\d+\\.\\d+\\.\\d+:80';
    await this.#becomes('get endpoints web', new RegExp(`^web +${[endpoint, endpoint, endpoint].join(',')} `, 'm'));
    const ip = await this.#says('get service web -o jsonpath={.spec.clusterIP}', /^10\./);
    const { inNode } = this.#desk;
    const rules = async (): Promise<string> => inNode('iptables', '-w', '-t', 'nat', '-n', '-L', 'KUBE-SERVICES');
    await until('the rules are there', async () => (await rules()).includes(ip), LONG_MS);
    await this.#says('run client --image=busybox -- sleep 3600', /created/);
    await this.#becomes('get pods', /^client +1\/1 +Running/m);
    await this.#says('exec client -- wget -qO- http://web', /Welcome to nginx!/);
    await this.#says('delete pod client --now', /deleted/);
    await this.#says('set env deployment/web STEP=2', /env updated/);
    await this.#says('rollout status deployment/web', out);
    await this.#says('rollout history deployment/web', /^REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>$/m);
    await this.#says('rollout undo deployment/web', /^deployment\.apps\/web rolled back/);
    await this.#says('rollout status deployment/web', out);
    await this.#says('rollout history deployment/web', /^2 +<none>\n3 +<none>$/m);
    await this.#says('scale deployment web --replicas=1', /^deployment\.apps\/web scaled/);
    await this.#becomes('get deployment web', /^web +1\/1 +1 +1 /m);
    await this.#says('get rs', /^web-\w+ +1 +1 +1 /m, /^web-\w+ +0 +0 +0 /m);
    await this.#says(
      'get events',
      /Normal +ScalingReplicaSet +deployment\/web +Scaled up replica set web-\w+ from 0 to 3/,
      /Normal +SuccessfulCreate +replicaset\/web-\w+ +Created pod: web-\w+-\w+/,
    );
  }

  async #meetsTheScheduler(): Promise<void> {
    await this.#says(`run greedy --image=nginx --overrides='${GREEDY}'`, /created/);
    await this.#becomes(
      'describe pod greedy',
      /Warning +FailedScheduling .*default-scheduler +0\/1 nodes are available: 1 Insufficient cpu\./,
    );
    await this.#says('get pod greedy', /^greedy +0\/1 +Pending +0 /m);
    await this.#says('delete pod greedy', /deleted/);
  }

  async #runsJobs(): Promise<void> {
    await this.#says('create job hello --image=busybox -- echo hello', /^job\.batch\/hello created/);
    await this.#says(`wait --for=condition=complete job/hello --timeout=${LONG_MS}ms`, /condition met/);
    await this.#says('logs job/hello', /^hello$/m);
    await this.#says('get jobs', /^hello +(Complete +)?1\/1 /m);
    if (this.#desk.kubectl.minor < CRON_SINCE) {
      this.#typed.add(CRON).add('get cronjobs').add(BY_HAND);
      return;
    }
    await this.#says(CRON, /created/);
    await this.#says('get cronjobs', /^tick +\* \* \* \* \* +(<none> +)?False /m);
    await this.#says(BY_HAND, /created/);
    await this.#says(`wait --for=condition=complete job/now --timeout=${LONG_MS}ms`, /condition met/);
    await this.#says('delete cronjob tick', /deleted/);
  }

  async #runsDaemons(): Promise<void> {
    const labels = { app: 'agent' };
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: quick(SLEEP) } };
    await this.#apply({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec });
    await this.#says('rollout status daemonset/agent', /daemon set "agent" successfully rolled out/);
    await this.#says('get daemonsets', /^agent +1 +1 +1 +1 +1 /m);
  }

  async #keepsData(): Promise<void> {
    const labels = { app: 'db' };
    const storageClassName = `local-path-${this.#desk.kubectl.minor}`;
    const mounted = { name: 'main', image: 'busybox', command: SLEEP, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    await this.#apply(
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: storageClassName },
        provisioner: 'kijabi.io/local-path',
        volumeBindingMode: 'WaitForFirstConsumer',
        parameters: { path: this.#desk.volumesDir, helperImage: 'busybox' },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: {
          serviceName: 'db',
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [mounted] } },
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Mi' } } },
            },
          ],
        },
      },
    );
    await this.#becomes('get pods', /^db-0 +1\/1 +Running/m);
    await this.#says('get pvc', /^data-db-0 +Bound +pvc-\S+ +1Mi +RWO +local-path/m);
    await this.#says("exec db-0 -- sh -c 'echo kept > /data/note'");
    const uid = await this.#says('get pod db-0 -o jsonpath={.metadata.uid}');
    await this.#says('delete pod db-0', /deleted/);
    await until(
      'another one is there',
      async () => ![uid, ''].includes((await this.#ask('get pod db-0 -o jsonpath={.metadata.uid}')).out),
      LONG_MS,
    );
    await this.#becomes('get pods', /^db-0 +1\/1 +Running/m);
    await this.#says('exec db-0 -- cat /data/note', /^kept$/m);
  }

  async #putsAManifest(): Promise<void> {
    const { kubectl, manifestsDir, nodeName } = this.#desk;
    const name = `from-file-${kubectl.minor}`;
    const aside = join(manifestsDir, `.${name}`);
    writeFileSync(aside, manifest({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: quick(SLEEP) }));
    renameSync(aside, join(manifestsDir, `${name}.yaml`));
    await this.#becomes('get pods -n default', new RegExp(`^${name}-${nodeName} +1/1 +Running`, 'm'));
    rmSync(join(manifestsDir, `${name}.yaml`));
    await until('it is gone', async () => !(await this.#ask('get pods -n default')).out.includes(name), LONG_MS);
  }
}

const CRON = "create cronjob tick --image=busybox --schedule='* * * * *' -- date";
const BY_HAND = 'create job now --from=cronjob/tick';
