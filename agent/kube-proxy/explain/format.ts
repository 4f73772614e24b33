/** Explanations as text for people. Pure. */
import type { ExplainedFrontend } from '../proxier.ts';
import type { ExplainedEndpoint, ExplainedPort, ServiceExplanation } from './service.ts';

export function formatService(e: ServiceExplanation): string {
  const lines = [`Service ${e.service} on node ${e.node}, mode ${e.mode}`];
  if (e.nothingBecause !== undefined) lines.push(`  Nothing is programmed: ${e.nothingBecause}`);
  if (e.noEndpointsBecause !== undefined) lines.push(`  No endpoints: ${e.noEndpointsBecause}`);
  for (const problem of e.problems) lines.push(`  Problem: ${problem}`);
  for (const port of e.ports) lines.push('', ...formatPort(port));
  lines.push('', ...e.lastWritten.map(formatWritten));
  if (e.missing > 0) lines.push(`DRIFT: ${e.missing} of the rules above are not in the kernel; they are written again within a second`);
  return `${lines.join('\n')}\n`;
}

function formatPort(p: ExplainedPort): string[] {
  const policies = [
    `internal traffic ${p.policies.internal}`,
    ...(p.policies.external === undefined ? [] : [`external traffic ${p.policies.external}`]),
  ];
  const more = [
    ...policies,
    ...(p.affinitySeconds === undefined ? [] : [`affinity by client IP for ${p.affinitySeconds} s`]),
    ...(p.topology === 'none' ? [] : [`endpoints narrowed to the ${p.topology === 'sameNode' ? 'same node' : 'same zone'}`]),
  ];
  return [
    `${p.name} ${p.protocol} ${p.family}: ${more.join(', ')}`,
    '  Endpoints:',
    ...(p.endpoints.length === 0 ? ['    none: connections are refused at once'] : p.endpoints.map((e) => `    ${formatEndpoint(e)}`)),
    ...p.frontends.flatMap(formatFrontend),
  ];
}

function formatEndpoint({ endpoint, state, target, node, shares, notUsed }: ExplainedEndpoint): string {
  const where = [target, node === undefined ? undefined : `on ${node}`].filter((w) => w !== undefined).join(' ');
  const used = Object.entries(shares).map(([policy, share]) => `${(share * 100).toFixed(1).replace(/\.0$/, '')} % of ${policy}`);
  return [endpoint, where, state, ...used, ...notUsed.map((why) => `not used for ${why}`)].filter((part) => part !== '').join(', ');
}

const WHAT: Readonly<Record<ExplainedFrontend['what'], string>> = {
  clusterIP: 'cluster IP',
  externalIP: 'external IP',
  loadBalancer: 'load balancer',
  nodePort: 'node port',
};

function formatFrontend({ what, address, protocol, rules }: ExplainedFrontend): string[] {
  return [
    `  ${WHAT[what]} ${address}/${protocol}:`,
    ...rules.map(({ where, rule, isInKernel, packets, bytes }) => {
      const counters = isInKernel ? (packets === undefined ? '' : `[${packets} packets, ${bytes} bytes] `) : '[MISSING] ';
      return `    ${counters}${where}: ${rule}`;
    }),
  ];
}

function formatWritten({ family, at, tookMs, linesWritten, pendingSince, error }: ServiceExplanation['lastWritten'][number]): string {
  const parts = [
    at === undefined
      ? `${family} rules were never written`
      : `${family} rules were last written at ${at}, ${linesWritten} lines in ${Math.round(tookMs ?? 0)} ms`,
    ...(pendingSince === undefined ? [] : [`a change has been waiting since ${pendingSince}`]),
    ...(error === undefined ? [] : [`the last attempt failed: ${error}`]),
  ];
  return parts.join('; ');
}

export interface PacketExplanation {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly steps: readonly string[];
}

export function formatPacket({ from, to, protocol, outcomes, steps }: PacketExplanation): string {
  const ends = Object.entries(outcomes).map(
    ([outcome, share]) => `  ${(share * 100).toFixed(1).replace(/\.0$/, '')} %  ${OUTCOME[outcome] ?? `goes to ${outcome}`}`,
  );
  return [
    `A new ${protocol} connection from ${from} to ${to}:`,
    ...ends,
    'Rules that match, in order:',
    ...(steps.length === 0 ? ['  none'] : steps.map((s) => `  ${s}`)),
    '',
  ].join('\n');
}

const OUTCOME: Readonly<Record<string, string>> = {
  reject: 'is refused at once (ICMP port unreachable)',
  drop: 'is dropped without an answer',
  pass: 'is not for any service and goes on as it is',
};
