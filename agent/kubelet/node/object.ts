/**
 * The Node as this kubelet makes it, and what has to be written so that one that is there is right. Pure.
 * Labels that people have set stay; the kubelet keeps only its own. Of conditions and addresses only ours are told.
 * Source: "Nodes" in the Kubernetes docs.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Node } from '#api/kinds/core/node.ts';
import type { ClusterSettings } from '../config/clusterFields.ts';

export interface RegistrationFacts {
  readonly settings: Pick<ClusterSettings, 'labels' | 'taints' | 'providerId'>;
  /** Where the kubelet's HTTP API listens. */
  readonly port: number;
}

/** seen: as the kubelet shows its node. */
export function newNode(seen: Node, { settings }: RegistrationFacts): Node {
  const { labels, taints, providerId } = settings;
  return {
    metadata: {
      name: seen.metadata.name ?? '',
      labels: { ...seen.metadata.labels, ...labels },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: { ...(taints.length === 0 ? {} : { taints }), ...(providerId === undefined ? {} : { providerID: providerId }) },
    ...(seen.status === undefined ? {} : { status: seen.status }),
  };
}

/** Labels that the kubelet alone knows, where they are missing or wrong. undefined: nothing to write. */
export function labelPatch(
  there: Node,
  seen: Node,
): { readonly metadata: { readonly labels: Readonly<Record<string, string>> } } | undefined {
  const wrong = Object.entries(seen.metadata.labels ?? {}).filter(([key, value]) => there.metadata.labels?.[key] !== value);
  return wrong.length === 0 ? undefined : { metadata: { labels: Object.fromEntries(wrong) } };
}

type Status = NonNullable<Node['status']>;
type Condition = NonNullable<Status['conditions']>[number];

/** What is replaced as a whole. */
const FIELDS = ['capacity', 'allocatable', 'daemonEndpoints', 'nodeInfo', 'images', 'runtimeHandlers', 'features'] as const;

/**
 * told: the status as it was told last. report: tell the heartbeats too, although nothing else may have changed.
 * undefined: nothing to write.
 */
export function nodeStatusPatch(
  told: Status | undefined,
  now: Status,
  report: 'all' | 'changes',
): Readonly<Record<string, unknown>> | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of FIELDS) if (!isDeepStrictEqual(told?.[field], now[field])) patch[field] = now[field] ?? null;
  if (!isDeepStrictEqual(told?.addresses, now.addresses)) patch['addresses'] = [{ $patch: 'replace' }, ...(now.addresses ?? [])];
  const before = (c: Condition): Condition | undefined => told?.conditions?.find(({ type }) => type === c.type);
  const changed = (now.conditions ?? []).some((c) => !isDeepStrictEqual(withoutHeartbeat(c), withoutHeartbeat(before(c))));
  if (!changed && report === 'changes' && Object.keys(patch).length === 0) return undefined;
  return { ...patch, conditions: now.conditions };
}

function withoutHeartbeat(condition: Condition | undefined): unknown {
  if (condition === undefined) return undefined;
  const { lastHeartbeatTime: _, ...rest } = condition;
  return rest;
}
