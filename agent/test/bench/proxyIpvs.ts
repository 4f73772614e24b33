/** The ipvs mode against the floor: the bare tools with the same commands, in a namespace that it makes and removes. */
import { SystemClock } from '#base/clock.ts';
import { IpvsProxier } from '../../kube-proxy/ipvs/proxier.ts';
import type { IpvsTools } from '../../kube-proxy/ipvs/kernel.ts';
import type { SyncReport } from '../../kube-proxy/proxier.ts';
import type { ServicePort } from '../../kube-proxy/servicePort.ts';
import { openIpSets } from '../../linux/ipset.ts';
import { openIpvs } from '../../linux/ipvs.ts';
import { withNetNs, type NetNs } from '../proxyNet.ts';
import { BENCH_SETTINGS, benchPort, benchPorts } from './proxyServices.ts';
import { stepsOf, type ModeFigures, type StepFigures } from './proxySteps.ts';
import { costOf, rssMb } from './report.ts';

const never = new AbortController().signal;
const NO_WATCH = { foreignWrites: () => undefined, wrote: () => undefined };
const OPTIONS = {
  scheduler: 'rr',
  excludeCidrs: [],
  strictArp: false,
  tcpTimeoutSeconds: 0,
  tcpFinTimeoutSeconds: 0,
  udpTimeoutSeconds: 0,
};

type Call = (tools: IpvsTools) => Promise<unknown>;

export async function openIpvsProxier(node: NetNs, calls: Call[] = []): Promise<IpvsProxier> {
  return new IpvsProxier({
    family: 'IPv4',
    tools: recording(await toolsIn(node), calls),
    options: OPTIONS,
    clock: new SystemClock(),
    watch: NO_WATCH,
    serverWatch: NO_WATCH,
  });
}

async function toolsIn(node: NetNs): Promise<IpvsTools> {
  return { ipvs: openIpvs(node.via), ipsets: openIpSets(node.via), iptables: await node.iptables('nft') };
}

/** Keeps everything that writes, so that the bare tools can do it again. */
function recording({ ipvs, ipsets, iptables }: IpvsTools, calls: Call[]): IpvsTools {
  const again = <T>(call: Call, work: Promise<T>): Promise<T> => {
    calls.push(call);
    return work;
  };
  return {
    ipvs: {
      kernelRelease: ipvs.kernelRelease,
      save: (...args) => ipvs.save(...args),
      list: (...args) => ipvs.list(...args),
      probe: (...args) => ipvs.probe(...args),
      addresses: (...args) => ipvs.addresses(...args),
      removeDevice: (...args) => ipvs.removeDevice(...args),
      setTimeouts: (...args) => ipvs.setTimeouts(...args),
      setSysctl: (...args) => ipvs.setSysctl(...args),
      ensureDevice: (...args) => again((t) => t.ipvs.ensureDevice(...args), ipvs.ensureDevice(...args)),
      restore: (...args) => again((t) => t.ipvs.restore(...args), ipvs.restore(...args)),
      changeAddresses: (...args) => again((t) => t.ipvs.changeAddresses(...args), ipvs.changeAddresses(...args)),
    },
    ipsets: {
      read: (...args) => ipsets.read(...args),
      write: (...args) => again((t) => t.ipsets.write(...args), ipsets.write(...args)),
    },
    iptables: {
      backend: iptables.backend,
      version: iptables.version,
      save: (...args) => iptables.save(...args),
      restore: (...args) => again((t) => t.iptables.restore(...args), iptables.restore(...args)),
    },
  };
}

export function benchIpvs(count: number, rounds: number): Promise<ModeFigures> {
  return withNetNs('bench', async (node) => {
    const rssBefore = rssMb();
    const services = benchPorts(count);
    const calls: Call[] = [];
    const proxier = await openIpvsProxier(node, calls);
    let report: SyncReport | undefined;
    const full = async (): Promise<void> => {
      report = await proxier.sync({ services, changed: undefined, settings: BENCH_SETTINGS }, never);
    };
    const ours = await costOf(full);
    const { planMs, bytesWritten } = report ?? { planMs: NaN, bytesWritten: NaN };
    const bare = await withNetNs('bench', async (other) => {
      const tools = await toolsIn(other);
      return costOf(async () => {
        for (const call of calls) await call(tools);
      });
    });
    const resync = await costOf(full);
    const change = (make: (round: number) => ServicePort | string): Promise<StepFigures> =>
      stepsOf(rounds, async (round) => {
        const made = make(round);
        const id = typeof made === 'string' ? made : made.id;
        if (typeof made === 'string') services.delete(made);
        else services.set(made.id, made);
        return (await proxier.sync({ services, changed: new Set([id]), settings: BENCH_SETTINGS }, never)).linesWritten;
      });
    const middle = Math.ceil(count / 2);
    const extra = benchPort(count + 1);
    return {
      bytes: bytesWritten,
      full: { ours, planMs, bare },
      resync,
      oneService: await change((round) => benchPort(middle, { round: round + 1 })),
      oneEndpoint: await change((round) => benchPort(middle, { endpoints: 3 - (round % 2), round: 200 })),
      comeAndGo: await change((round) => (round % 2 === 0 ? extra : extra.id)),
      rssMb: rssMb() - rssBefore,
    };
  });
}
