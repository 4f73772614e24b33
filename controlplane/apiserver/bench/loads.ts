/** The loads of the benchmark. Each returns a figure; nothing here knows which server answers. */
import { BenchClient, type BenchAnswer, type Target } from './http.ts';

const NAMESPACE = 'bench';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const STRATEGIC = 'application/strategic-merge-patch+json';
export const NODES = 100;

/** About the size of a real pod: under two kilobytes as it is sent. */
export function podBody(name: string, i: number): Buffer {
  const container = {
    name: 'main',
    image: 'registry.example.com/team/service:1.2.3',
    args: ['--listen=:8080', '--log-level=info', `--shard=${i}`],
    ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
    env: Array.from({ length: 6 }, (_, n) => ({ name: `SETTING_${n}`, value: `value-${n}-${i}` })),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const metadata = {
    name,
    namespace: NAMESPACE,
    labels: { app: `app-${i % 200}`, tier: i % 2 === 0 ? 'front' : 'back', 'app.kubernetes.io/version': '1.2.3' },
    annotations: { 'example.com/note': 'x'.repeat(200) },
  };
  const spec = { nodeName: `node-${i % NODES}`, containers: [container], volumes: [{ name: 'data', emptyDir: {} }] };
  return Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
}

async function withClients<T>(target: Target, count: number, run: (clients: readonly BenchClient[]) => Promise<T>): Promise<T> {
  const clients = await Promise.all(Array.from({ length: count }, () => BenchClient.open(target)));
  try {
    return await run(clients);
  } finally {
    for (const client of clients) client.close();
  }
}

export interface Load {
  readonly count: number;
  readonly clients: number;
  /** The first pod it is about. */
  readonly from?: number;
  /** How many pods there are. */
  readonly pods?: number;
}

/** Runs work on all clients until count times are done; returns operations per second. */
async function rate(
  clients: readonly BenchClient[],
  count: number,
  work: (client: BenchClient, i: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let i = next++; i < count; i = next++) await work(client, i);
    }),
  );
  return count / ((performance.now() - startedMs) / 1_000);
}

function expect({ code, body }: BenchAnswer, wanted: number, what: string): void {
  if (code !== wanted) throw new Error(`${what}: want ${wanted}, got ${code}: ${body.toString().slice(0, 300)}`);
}

export async function prepare(target: Target): Promise<void> {
  await withClients(target, 1, async ([client]) => {
    const made = await client?.send('POST', '/api/v1/namespaces', Buffer.from(JSON.stringify({ metadata: { name: NAMESPACE } })));
    if (made?.code !== 201 && made?.code !== 409) throw new Error(`cannot make the namespace: ${made?.body.toString()}`);
  });
}

/** How many bytes one pod has in an answer. */
export async function sizeOfPod(target: Target): Promise<number> {
  return withClients(target, 1, async ([client]) => (await client?.send('GET', `${PODS}/pod-0`))?.body.length ?? 0);
}

export function createPods(target: Target, { from = 0, count, clients }: Load): Promise<number> {
  return withClients(target, clients, (all) =>
    rate(all, count, async (client, i) => expect(await client.send('POST', PODS, podBody(`pod-${from + i}`, from + i)), 201, 'create')),
  );
}

/** Spreads the turns over all pods. */
const podOf = (i: number, pods: number): string => `${PODS}/pod-${(i * 7919) % pods}`;

export function getPods(target: Target, { pods = 1, count, clients }: Load): Promise<number> {
  return withClients(target, clients, (all) =>
    rate(all, count, async (client, i) => expect(await client.send('GET', podOf(i, pods)), 200, 'get')),
  );
}

let turn = 0;

export function patchStatus(target: Target, { pods = 1, count, clients }: Load): Promise<number> {
  const message = `turn ${(turn += 1)}`;
  return withClients(target, clients, (all) =>
    rate(all, count, async (client, i) => {
      const patch = Buffer.from(JSON.stringify({ status: { phase: 'Running', podIP: `10.0.${(i >> 8) & 255}.${i & 255}`, message } }));
      expect(await client.send('PATCH', `${podOf(i, pods)}/status`, patch, STRATEGIC), 200, 'patch');
    }),
  );
}

/** Median over some turns, in milliseconds. */
export function listPods(target: Target, path: string, turns: number): Promise<number> {
  return withClients(target, 1, async ([client]) => {
    const times: number[] = [];
    for (let i = 0; i < turns; i++) {
      const startedMs = performance.now();
      const answer = await client?.send('GET', path);
      times.push(performance.now() - startedMs);
      if (answer !== undefined) expect(answer, 200, path);
    }
    return times.toSorted((a, b) => a - b)[turns >> 1] ?? 0;
  });
}

export const LISTS = {
  'consistent read': '/api/v1/pods',
  'from the cache': '/api/v1/pods?resourceVersion=0',
  'of a namespace': PODS,
  'of a node': '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-7',
  'by label': '/api/v1/pods?labelSelector=app%3Dapp-7',
} as const;

const EVENT = Buffer.from('{"type":"MODIFIED"');
const WRITERS = 8;

/** Events delivered per second to all watches while writers change pods. */
export async function fanOut(target: Target, { clients: watches, count: writes }: Load): Promise<number> {
  const watching = await Promise.all(Array.from({ length: watches }, () => BenchClient.open(target)));
  try {
    return await withClients(target, WRITERS, async (writing) => {
      const version = await versionNow(writing[0]);
      const wanted = watches * writes;
      const { promise: told, resolve } = Promise.withResolvers<void>();
      let delivered = 0;
      const count = (events: number): void => {
        delivered += events;
        if (delivered >= wanted) resolve();
      };
      const path = `/api/v1/pods?watch=1&resourceVersion=${version}`;
      await Promise.all(watching.map((client) => client.stream(path, eventCounter(count))));
      const startedMs = performance.now();
      await rate(writing, writes, async (client, i) => {
        const patch = Buffer.from(JSON.stringify({ status: { message: `fan ${i} ${startedMs}` } }));
        expect(await client.send('PATCH', `${PODS}/pod-${i % 500}/status`, patch, STRATEGIC), 200, 'patch');
      });
      await told;
      return wanted / ((performance.now() - startedMs) / 1_000);
    });
  } finally {
    for (const client of watching) client.close();
  }
}

/** An event may begin in one piece and go on in the next. */
export function eventCounter(count: (events: number) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let events = 0;
    for (let at = whole.indexOf(EVENT); at >= 0; at = whole.indexOf(EVENT, at + EVENT.length)) events += 1;
    // Too short to hold a whole mark, so nothing is counted twice.
    rest = Buffer.from(whole.subarray(Math.max(0, whole.length - EVENT.length + 1)));
    if (events > 0) count(events);
  };
}

/** The resourceVersion of a list stands at its beginning, whatever its length. */
async function versionNow(client: BenchClient | undefined): Promise<string> {
  const list = await client?.send('GET', `${PODS}?limit=1`);
  return /"resourceVersion":"(\d+)"/.exec(list?.body.toString('latin1', 0, 500) ?? '')?.[1] ?? '0';
}
