/**
 * Measures the nftables mode against the floor, the bare tool with the same bytes, in a network namespace that it makes and removes.
 * A module for the bench of the proxy; run by itself it prints one JSON object per size.
 */
import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { diffContent, renderChanges } from '../../kube-proxy/nftables/diff.ts';
import { emptyContent } from '../../kube-proxy/nftables/content.ts';
import { wordsOf } from '../../kube-proxy/nftables/names.ts';
import { NftablesProxier, desiredContent } from '../../kube-proxy/nftables/proxier.ts';
import type { ProxySettings, SyncReport } from '../../kube-proxy/proxier.ts';
import type { Endpoint, ServicePort } from '../../kube-proxy/servicePort.ts';
import { openNft, type Nft } from '../../linux/nft.ts';

export interface NftablesFigures {
  readonly services: number;
  readonly endpointsPerService: number;
  readonly bytes: number;
  readonly bareMs: number;
  readonly fullMs: number;
  readonly fullRatio: number;
  readonly fullOwnMs: number;
  /** A restart over rules that are right already. */
  readonly resyncMs: number;
  readonly oneService: StepFigures;
  readonly oneEndpoint: StepFigures;
  readonly addAndRemove: StepFigures;
  /** Growth of this process from before the first plan to after the last change, after collecting garbage where it can be asked for. */
  readonly rssMb: number;
}

export interface StepFigures {
  readonly wallMs: number;
  /** CPU of this process, the tool's not counted. */
  readonly cpuMs: number;
  readonly lines: number;
}

export interface BenchOptions {
  readonly services: number;
  readonly endpointsPerService?: number;
  readonly repeats?: number;
  readonly signal?: AbortSignal;
}

const settings: ProxySettings = {
  family: 'IPv4',
  masqueradeBit: 14,
  masqueradeAll: false,
  localTraffic: { kind: 'cidr', cidr: '10.128.0.0/9' },
  nodeIp: '192.0.2.1',
  nodePorts: { kind: 'all' },
  localhostNodePorts: false,
  conntrackLiberal: false,
};

export async function benchNftables({
  services,
  endpointsPerService = 3,
  repeats = 5,
  signal = new AbortController().signal,
}: BenchOptions): Promise<NftablesFigures> {
  const name = `kjb-${randomBytes(3).toString('hex')}`;
  await execa('ip', ['netns', 'add', name]);
  const via = ['nsenter', `--net=/run/netns/${name}`];
  const nft = await openNft({ via }, signal);
  try {
    return await measure({ nft, via, services, endpointsPerService, repeats, signal });
  } finally {
    await nft.close();
    await execa('ip', ['netns', 'del', name]);
  }
}

interface MeasureInput extends Required<BenchOptions> {
  readonly nft: Nft;
  readonly via: readonly string[];
}

async function measure({ nft, via, services: count, endpointsPerService, repeats, signal }: MeasureInput): Promise<NftablesFigures> {
  const rssBefore = rss();
  const services = new Map<string, ServicePort>();
  for (let i = 1; i <= count; i++) put(services, portOf(i, endpointsPerService));
  const text = bareText(services);
  const watch = { foreignWrites: () => undefined, wrote: () => undefined };
  const nftTool = (args: readonly string[], input?: string): Promise<unknown> =>
    execa('nsenter', [...via.slice(1), 'nft', ...args], input === undefined ? {} : { input });
  const flush = (): Promise<unknown> => nftTool(['flush', 'ruleset']);
  const bare: number[] = [];
  const fulls: SyncReport[] = [];
  const fullMs: number[] = [];
  let proxier = new NftablesProxier({ family: 'IPv4', nft, clock: new SystemClock(), watch });
  for (let i = 0; i < repeats; i++) {
    await flush();
    bare.push(await timed(() => nftTool(['-f', '-'], text)));
    await flush();
    proxier = new NftablesProxier({ family: 'IPv4', nft, clock: new SystemClock(), watch });
    fullMs.push(await timed(async () => void fulls.push(await proxier.sync({ services, changed: undefined, settings }, signal))));
  }
  const sync = (changed: readonly string[]): Promise<SyncReport> => proxier.sync({ services, changed: new Set(changed), settings }, signal);
  const resyncMs = await timed(() => proxier.sync({ services, changed: undefined, settings }, signal));
  const middle = Math.ceil(count / 2);
  const change = (make: (round: number) => ServicePort): Promise<StepFigures> =>
    steps(repeats * 4, async (round) => {
      const port = make(round);
      put(services, port);
      return (await sync([port.id])).linesWritten;
    });
  const oneService = await change((round) => portOf(middle, endpointsPerService, 200 + (round % 50)));
  const oneEndpoint = await change((round) => portOf(middle, endpointsPerService - (round % 2), 250));
  const addAndRemove = await steps(repeats * 4, async (round) => {
    const port = portOf(count + 1, endpointsPerService);
    if (round % 2 === 0) put(services, port);
    else services.delete(port.id);
    return (await sync([port.id])).linesWritten;
  });
  await proxier.close();
  const [bareMs, full] = [median(bare), median(fullMs)];
  return {
    services: count,
    endpointsPerService,
    bytes: text.length,
    bareMs,
    fullMs: full,
    fullRatio: full / bareMs,
    fullOwnMs: median(fulls.map((f) => f.planMs)),
    resyncMs,
    oneService,
    oneEndpoint,
    addAndRemove,
    rssMb: rss() - rssBefore,
  };
}

function bareText(services: ReadonlyMap<string, ServicePort>): string {
  const words = wordsOf('IPv4');
  const { content } = desiredContent(services.values(), settings);
  const changes = diffContent({ before: emptyContent(), after: content, words, sameRules: () => false, hookOf: () => undefined });
  return `${renderChanges(changes, words).main.join('\n')}\n`;
}

/** What one change costs; the first few are left out, they warm the session up. */
async function steps(rounds: number, step: (round: number) => Promise<number>): Promise<StepFigures> {
  const wall: number[] = [];
  const cpu: number[] = [];
  let lines = 0;
  for (let round = 0; round < rounds + 3; round++) {
    const before = process.cpuUsage();
    const ms = await timed(async () => void (lines = await step(round)));
    const { user, system } = process.cpuUsage(before);
    if (round < 3) continue;
    wall.push(ms);
    cpu.push((user + system) / 1_000);
  }
  return { wallMs: median(wall), cpuMs: median(cpu), lines };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 100) / 100;
}

function rss(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Math.round(process.memoryUsage().rss / (1 << 20));
}

function put(services: Map<string, ServicePort>, port: ServicePort): void {
  services.set(port.id, port);
}

/** The i-th service; round makes its endpoints differ. */
function portOf(i: number, endpoints: number, round = 0): ServicePort {
  const clusterIp = `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
  const all = Array.from({ length: endpoints }, (_, e): Endpoint => {
    const k = i * 4 + e;
    const ip = round === 0 ? `10.${128 + (k >> 16)}.${(k >> 8) & 255}.${k & 255}` : `10.250.${round}.${e + 1}`;
    return {
      ip,
      port: 8080,
      text: `${ip}:8080`,
      isLocal: false,
      ready: true,
      serving: true,
      terminating: false,
      forZones: [],
      forNodes: [],
    };
  });
  return {
    id: `default/svc-${i}:http/tcp`,
    name: `default/svc-${i}:http`,
    service: `default/svc-${i}`,
    family: 'IPv4',
    protocol: 'tcp',
    clusterIp,
    port: 80,
    externalIps: [],
    loadBalancerIps: [],
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    endpoints: all,
    choice: { cluster: all, local: [], reachable: all, hasAny: all.length > 0, topology: 'none' },
  };
}

if (import.meta.main) {
  const sizes = process.argv.slice(2).map(Number);
  for (const services of sizes.length > 0 ? sizes : [1_000, 10_000]) {
    process.stdout.write(`${JSON.stringify(await benchNftables({ services }))}\n`);
  }
}
