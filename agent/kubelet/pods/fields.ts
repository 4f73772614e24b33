/**
 * What a pod may tell its own containers about itself: fields and resources, as variables and as files. Pure.
 * Paths are checked when the manifest is read.
 * Source: "Downward API" in the Kubernetes docs. A limit that is not given is what the node can allot.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { ResourceFieldSelector } from '#api/kinds/core/env.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { parseQuantity } from '#api/quantity.ts';
import { containerNamed } from './containers.ts';

export interface FieldFacts {
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** Quantities by resource. */
  readonly allocatable: Readonly<Record<string, string>>;
}

const KEYED_FIELD = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

export function fieldValue(pod: Pod, path: string, { nodeName, hostIps, podIps }: FieldFacts): string {
  const { metadata, spec } = pod;
  const keyed = KEYED_FIELD.exec(path);
  if (keyed !== null) return metadata[keyed[1] === 'labels' ? 'labels' : 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? 'default';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return mapText(metadata.labels);
    case 'metadata.annotations':
      return mapText(metadata.annotations);
    case 'spec.nodeName':
      return nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return hostIps[0] ?? '';
    case 'status.hostIPs':
      return hostIps.join(',');
    case 'status.podIP':
      return podIps[0] ?? '';
    case 'status.podIPs':
      return podIps.join(',');
    default:
      return '';
  }
}

/** One key="value" a line, sorted. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

const MILLI = 1_000_000n;
const UNIT = 1_000_000_000n;

/** Counted in divisors, rounded up. CPU is counted in thousandths before it is divided, everything else in whole units. */
export function resourceValue(pod: Pod, own: Container | undefined, selector: ResourceFieldSelector, facts: FieldFacts): string {
  const c = selector.containerName === undefined || selector.containerName === '' ? own : containerNamed(pod.spec, selector.containerName);
  const dot = selector.resource.indexOf('.');
  const side = selector.resource.slice(0, dot);
  const name = selector.resource.slice(dot + 1);
  const { limits, requests } = c?.resources ?? {};
  const given = side === 'limits' ? (limits?.[name] ?? facts.allocatable[name]) : requests?.[name];
  const unit = name === 'cpu' ? MILLI : UNIT;
  const count = (text: string): bigint => ceilDivide(parseQuantity(text).nanos, unit);
  const divisor = count(selector.divisor ?? '1');
  return String(ceilDivide(count(given ?? '0'), divisor === 0n ? count('1') : divisor));
}

function ceilDivide(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}
