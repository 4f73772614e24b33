/** The iptables mode against the floor: the bare tool with the same bytes, in a namespace that it makes and removes. */
import { SystemClock } from '#base/clock.ts';
import { IptablesProxier } from '../../kube-proxy/iptables/proxier.ts';
import { planRuleset } from '../../kube-proxy/iptables/ruleset.ts';
import { diffTables, readSave } from '../../kube-proxy/iptables/tables.ts';
import { renderBatches } from '../../kube-proxy/iptables/writes.ts';
import type { SyncReport } from '../../kube-proxy/proxier.ts';
import type { ServicePort } from '../../kube-proxy/servicePort.ts';
import type { Input } from '../../linux/memoryFile.ts';
import type { Iptables, IptablesBackend } from '../../linux/iptables.ts';
import { withNetNs } from '../proxyNet.ts';
import { BENCH_SETTINGS, benchPort, benchPorts } from './proxyServices.ts';
import { costOf, median, medianCost, rssMb, type Cost } from './report.ts';

export interface ChangeFigures {
  /** Ours, the tool in it. */
  readonly wallMs: number;
  /** CPU of this process alone. */
  readonly cpuMs: number;
  /** The tool by itself with the same bytes. */
  readonly bareMs: number;
  readonly lines: number;
}

export interface IptablesFigures {
  readonly bytes: number;
  readonly full: { readonly ours: Cost; readonly planMs: number; readonly bare: Cost | undefined };
  /** A restart over rules that are right already. */
  readonly resync: Cost;
  readonly oneService: ChangeFigures;
  readonly oneEndpoint: ChangeFigures;
  readonly comeAndGo: ChangeFigures;
  /** Growth of this process while it holds the services; the services themselves are in it. */
  readonly rssMb: number;
}

export interface IptablesBench {
  readonly backend: IptablesBackend;
  readonly services: number;
  readonly rounds: number;
  /** The bare tool in one transaction takes minutes with the nft back end. */
  readonly withBareFull: 'yes' | 'no';
}

const never = new AbortController().signal;
/** Up to here a full sync takes less than a second, and is done several times, in turn with the bare tool. */
const FEW_SERVICES = 1_000;
/** Up to here at least a few times. */
const SOME_SERVICES = 10_000;
const NO_WATCH = { foreignWrites: () => undefined, wrote: () => undefined };

export async function benchIptables({ backend, services: count, rounds, withBareFull }: IptablesBench): Promise<IptablesFigures> {
  const rssBefore = rssMb();
  const services = benchPorts(count);
  const text = bareText(services);
  const repeats = count <= FEW_SERVICES ? 7 : count <= SOME_SERVICES ? 3 : 1;
  const bare: Cost[] = [];
  const ours: (Cost & { readonly planMs: number })[] = [];
  for (let i = 0; i < repeats; i++) {
    if (withBareFull === 'yes') bare.push(await bareFull(backend, text));
    if (repeats > 1) ours.push(await ourFull(backend, services));
  }
  return withNetNs('bench', async (ns) => {
    const recorder = new Recorder(await ns.iptables(backend));
    const open = (): IptablesProxier =>
      new IptablesProxier({ family: 'IPv4', iptables: recorder, clock: new SystemClock(), watch: NO_WATCH });
    let proxier = open();
    let report: SyncReport | undefined;
    const full = (): Promise<Cost> =>
      costOf(async () => void (report = await proxier.sync({ services, changed: undefined, settings: BENCH_SETTINGS }, never)));
    const first = await full();
    ours.push({ ...first, planMs: report?.planMs ?? NaN });
    proxier = open();
    const resync = await full();
    const middle = Math.ceil(count / 2);
    const change = (make: (round: number) => ServicePort | string): Promise<ChangeFigures> =>
      measureChange({ rounds, recorder }, async (round) => {
        const made = make(round);
        const id = typeof made === 'string' ? made : made.id;
        if (typeof made === 'string') services.delete(made);
        else services.set(made.id, made);
        return (await proxier.sync({ services, changed: new Set([id]), settings: BENCH_SETTINGS }, never)).linesWritten;
      });
    const oneService = await change((round) => benchPort(middle, { round: round + 1 }));
    const oneEndpoint = await change((round) => benchPort(middle, { endpoints: 3 - (round % 2), round: 200 }));
    const extra = benchPort(count + 1);
    const comeAndGo = await change((round) => (round % 2 === 0 ? extra : extra.id));
    return {
      bytes: text.reduce((sum, part) => sum + part.length, 0),
      full: {
        ours: medianCost(ours),
        planMs: median(ours.map((o) => o.planMs)),
        bare: bare.length === 0 ? undefined : medianCost(bare),
      },
      resync,
      oneService,
      oneEndpoint,
      comeAndGo,
      rssMb: rssMb() - rssBefore,
    };
  });
}

async function bareFull(backend: IptablesBackend, text: readonly Buffer[]): Promise<Cost> {
  return withNetNs('bench', async (ns) => {
    const tool = await ns.iptables(backend);
    return costOf(() => tool.restore(text, never));
  });
}

async function ourFull(backend: IptablesBackend, services: ReadonlyMap<string, ServicePort>): Promise<Cost & { planMs: number }> {
  return withNetNs('bench', async (ns) => {
    const proxier = new IptablesProxier({
      family: 'IPv4',
      iptables: await ns.iptables(backend),
      clock: new SystemClock(),
      watch: NO_WATCH,
    });
    let planMs = NaN;
    const cost = await costOf(async () => {
      ({ planMs } = await proxier.sync({ services, changed: undefined, settings: BENCH_SETTINGS }, never));
    });
    return { ...cost, planMs };
  });
}

/** Everything in one go, as a tool without us would write it. */
function bareText(services: ReadonlyMap<string, ServicePort>): readonly Buffer[] {
  const empty = readSave(
    '*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT',
  );
  const style = services.size * 3 > 1_000 ? 'terse' : 'commented';
  const { writes } = diffTables(empty, planRuleset(services.values(), BENCH_SETTINGS, style));
  return renderBatches(writes, { linesPerBatch: Infinity }).flatMap((b) => b.parts);
}

/** Keeps what was restored last, and can run the tool on it again by itself. */
class Recorder implements Iptables {
  readonly backend: IptablesBackend;
  readonly version: string;
  readonly #real: Iptables;
  /** Milliseconds of the tool alone since the last take(). */
  #toolMs = 0;

  constructor(real: Iptables) {
    this.#real = real;
    this.backend = real.backend;
    this.version = real.version;
  }

  save(...args: Parameters<Iptables['save']>): Promise<void> {
    return this.#real.save(...args);
  }

  async restore(text: Input, signal: AbortSignal): Promise<void> {
    this.#toolMs += await timed(() => this.#real.restore(text, signal));
  }

  takeToolMs(): number {
    const ms = this.#toolMs;
    this.#toolMs = 0;
    return ms;
  }
}

async function measureChange(
  { rounds, recorder }: { rounds: number; recorder: Recorder },
  step: (round: number) => Promise<number>,
): Promise<ChangeFigures> {
  const wall: number[] = [];
  const cpu: number[] = [];
  const tool: number[] = [];
  const counts: number[] = [];
  // An even number, so that what came and went is as before.
  for (let round = 0; round < 2 * Math.ceil(rounds / 2) + 2; round++) {
    recorder.takeToolMs();
    const before = process.cpuUsage();
    let lines = 0;
    const ms = await timed(async () => void (lines = await step(round)));
    const { user, system } = process.cpuUsage(before);
    if (round < 2) continue;
    wall.push(ms);
    cpu.push((user + system) / 1_000);
    tool.push(recorder.takeToolMs());
    counts.push(lines);
  }
  return { wallMs: median(wall), cpuMs: median(cpu), bareMs: median(tool), lines: median(counts) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
