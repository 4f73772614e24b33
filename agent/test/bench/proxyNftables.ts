/** The nftables mode against the floor: the bare tool with the same bytes, in a namespace that it makes and removes. */
import { SystemClock } from '#base/clock.ts';
import { emptyContent } from '../../kube-proxy/nftables/content.ts';
import { diffContent, renderChanges } from '../../kube-proxy/nftables/diff.ts';
import { wordsOf } from '../../kube-proxy/nftables/names.ts';
import { NftablesProxier, desiredContent } from '../../kube-proxy/nftables/proxier.ts';
import type { SyncReport } from '../../kube-proxy/proxier.ts';
import type { ServicePort } from '../../kube-proxy/servicePort.ts';
import { openNft } from '../../linux/nft.ts';
import { ToolShell } from '../../linux/toolShell.ts';
import { withNetNs, type NetNs } from '../proxyNet.ts';
import { BENCH_SETTINGS, benchPort, benchPorts } from './proxyServices.ts';
import { stepsOf, type ModeFigures, type StepFigures } from './proxySteps.ts';
import { costOf, median, medianCost, rssMb, type Cost } from './report.ts';

export interface NftablesBench {
  readonly services: number;
  readonly repeats: number;
  readonly rounds: number;
}

const never = new AbortController().signal;
/** As in a kernel that tells who wrote: nobody else does. */
const NO_WATCH = { foreignWrites: () => 0, wrote: () => undefined };

export function benchNftables({ services: count, repeats, rounds }: NftablesBench): Promise<ModeFigures> {
  return withNetNs('bench', async (ns) => {
    const rssBefore = rssMb();
    const services = benchPorts(count);
    const text = bareText(services);
    const bareTool = new ToolShell(ns.via);
    const tool = async (args: readonly string[], input?: string): Promise<void> => {
      const options = { signal: never, timeoutMs: 600_000, ...(input === undefined ? {} : { input }) };
      const { exitCode, stderr } = await bareTool.run(['nft', ...args], options);
      if (exitCode !== 0) throw new Error(stderr);
    };
    const bare: Cost[] = [];
    const ours: Cost[] = [];
    const reports: SyncReport[] = [];
    let proxier = await open(ns);
    const full = (): Promise<Cost> =>
      costOf(async () => void reports.push(await proxier.sync({ services, changed: undefined, settings: BENCH_SETTINGS }, never)));
    for (let i = 0; i < repeats; i++) {
      await tool(['flush', 'ruleset']);
      bare.push(await costOf(() => tool(['-f', '-'], text)));
      await tool(['flush', 'ruleset']);
      await proxier.close();
      proxier = await open(ns);
      ours.push(await full());
    }
    const resync = await full();
    const middle = Math.ceil(count / 2);
    const change = (make: (round: number) => ServicePort | string): Promise<StepFigures> =>
      stepsOf(rounds, async (round) => {
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
    await proxier.close();
    return {
      bytes: text.length,
      full: { ours: medianCost(ours), planMs: median(reports.slice(0, repeats).map((r) => r.planMs)), bare: medianCost(bare) },
      resync,
      oneService,
      oneEndpoint,
      comeAndGo,
      rssMb: rssMb() - rssBefore,
    };
  });
}

async function open({ via }: NetNs): Promise<NftablesProxier> {
  return new NftablesProxier({ family: 'IPv4', nft: await openNft({ via }, never), clock: new SystemClock(), watch: NO_WATCH });
}

function bareText(services: ReadonlyMap<string, ServicePort>): string {
  const words = wordsOf('IPv4');
  const { content } = desiredContent(services.values(), BENCH_SETTINGS);
  const changes = diffContent({ before: emptyContent(), after: content, words, sameRules: () => false, hookOf: () => undefined });
  return `${renderChanges(changes, words).main.join('\n')}\n`;
}
