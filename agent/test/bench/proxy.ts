/**
 * What the service proxy costs, against the bare tool with the same bytes, for each mode this kernel can do.
 *
 *   npm run bench:proxy [-- --services 1000,10000 --rounds 10 --path 1000,10000 --connections 1000 --modes iptables-nft,iptables-legacy,nftables]
 *
 * Where the kernel has IPVS, --modes ipvs as well (in the machine of test:vm: copy the tree there).
 * The bare tool with the nft back end in one transaction is left out above 10,000 services: it takes a quarter of an hour.
 */
import { parseArgs } from 'node:util';
import { SystemClock } from '#base/clock.ts';
import { IptablesProxier } from '../../kube-proxy/iptables/proxier.ts';
import { NftablesProxier } from '../../kube-proxy/nftables/proxier.ts';
import type { Proxier } from '../../kube-proxy/proxier.ts';
import type { IptablesBackend } from '../../linux/iptables.ts';
import { openNft } from '../../linux/nft.ts';
import { whyNoNetNs, type NetNs } from '../proxyNet.ts';
import { benchIptables, type ChangeFigures, type IptablesFigures } from './proxyIptables.ts';
import { benchIpvs, openIpvsProxier } from './proxyIpvs.ts';
import { benchNftables } from './proxyNftables.ts';
import { benchPath } from './proxyPath.ts';
import { benchWhole } from './proxyWhole.ts';
import type { ModeFigures } from './proxySteps.ts';
import { ms, ratio, row } from './report.ts';

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '1000,10000' },
    rounds: { type: 'string', default: '10' },
    path: { type: 'string', default: '1000,10000' },
    connections: { type: 'string', default: '1000' },
    modes: { type: 'string', default: 'iptables-nft,iptables-legacy,nftables' },
  },
});
const numbers = (text: string): number[] =>
  text
    .split(',')
    .filter((t) => t !== '')
    .map(Number);
const never = new AbortController().signal;
/** As in a kernel that tells who wrote: nobody else does. */
const NO_WATCH = { foreignWrites: () => 0, wrote: () => undefined };
const BARE_FULL_UP_TO = 10_000;

function printChange(what: string, { wallMs, cpuMs, bareMs, lines }: ChangeFigures): void {
  row(
    `  ${what}`,
    [`${lines} lines`, `own CPU ${ms(cpuMs)}`, `the tool alone ${ms(bareMs)}`, `ratio ${ratio(wallMs, bareMs)}`],
    ms(wallMs),
  );
}

/** CPU is that of ours and of the tools it runs, against that of the bare tool. */
function printFull({ full: { ours, planMs, bare }, bytes, resync }: Pick<IptablesFigures, 'full' | 'bytes' | 'resync'>): void {
  const against =
    bare === undefined
      ? ['the bare tool was not tried']
      : [
          `the tool alone ${ms(bare.ms)}`,
          `ratio ${ratio(ours.ms, bare.ms)}`,
          `CPU ${ms(ours.cpuMs)} to ${ms(bare.cpuMs)}, ratio ${ratio(ours.cpuMs, bare.cpuMs)}`,
        ];
  row('  full sync, empty kernel', [`own planning ${ms(planMs)}`, ...against, `${(bytes / 1e6).toFixed(1)} MB`], ms(ours.ms));
  row('  full sync, nothing to write', [`CPU ${ms(resync.cpuMs)}`], ms(resync.ms));
}

async function iptables(backend: IptablesBackend, services: number): Promise<void> {
  const withBareFull = backend === 'legacy' || services <= BARE_FULL_UP_TO ? 'yes' : 'no';
  const figures = await benchIptables({ backend, services, rounds: Number(values.rounds), withBareFull });
  printFull(figures);
  printChange('one service gets other endpoints', figures.oneService);
  printChange('one endpoint comes or goes', figures.oneEndpoint);
  printChange('a service comes or goes', figures.comeAndGo);
  row('  memory, services and rules', [], `${figures.rssMb.toFixed(0)} MB`);
}

function printMode(figures: ModeFigures): void {
  printFull(figures);
  for (const [what, step] of [
    ['one service gets other endpoints', figures.oneService],
    ['one endpoint comes or goes', figures.oneEndpoint],
    ['a service comes or goes', figures.comeAndGo],
  ] as const) {
    row(`  ${what}`, [`${step.lines} lines`, `own CPU ${ms(step.cpuMs)}`], ms(step.wallMs));
  }
  row('  memory, services and rules', [], `${figures.rssMb.toFixed(0)} MB`);
}

async function open(mode: string, node: NetNs): Promise<Proxier> {
  const clock = new SystemClock();
  if (mode === 'nftables')
    return new NftablesProxier({ family: 'IPv4', nft: await openNft({ via: node.via }, never), clock, watch: NO_WATCH });
  if (mode === 'ipvs') return openIpvsProxier(node);
  const backend = mode === 'iptables-legacy' ? 'legacy' : 'nft';
  return new IptablesProxier({ family: 'IPv4', iptables: await node.iptables(backend), clock, watch: NO_WATCH });
}

async function whole(mode: string, services: number): Promise<void> {
  const kind = mode === 'ipvs' || mode === 'nftables' ? mode : 'iptables';
  const f = await benchWhole({ mode: kind, services, rounds: Number(values.rounds), open: (node) => open(mode, node) });
  const { cpuMs, lines, wallMs } = f;
  row('  one service, the whole proxy', [`${lines} lines`, `own CPU ${ms(cpuMs)}`], ms(wallMs));
}

async function path(mode: string, services: number): Promise<void> {
  const f = await benchPath(services, Number(values.connections), (node) => open(mode, node));
  row(
    `  ${services} services`,
    [`direct ${f.directUs} us`, `${f.servicePerSecond} connections/s`, `direct ${f.directPerSecond}/s`],
    `${f.serviceUs} us`,
  );
}

const why = await whyNoNetNs();
if (why !== undefined) throw new Error(`Cannot measure: ${why}`);
for (const mode of values.modes.split(',')) {
  for (const services of numbers(values.services)) {
    process.stdout.write(`\n${mode}, ${services} services x 3 endpoints\n`);
    const rounds = Number(values.rounds);
    if (mode === 'ipvs') printMode(await benchIpvs(services, rounds));
    else if (mode === 'nftables')
      printMode(await benchNftables({ services, repeats: services > BARE_FULL_UP_TO ? 1 : services > 1_000 ? 3 : 7, rounds }));
    else await iptables(mode === 'iptables-legacy' ? 'legacy' : 'nft', services);
    await whole(mode, services);
  }
  process.stdout.write(`\n${mode}, first packet of a connection (median) and connections a second\n`);
  for (const services of numbers(values.path)) await path(mode, services);
}
