/**
 * metrics.k8s.io: what nodes and pods use now, asked of their kubelets when somebody asks (`kubectl top`).
 * Differs: upstream has a server of its own behind an aggregated API (metrics-server), which asks every kubelet every 15 seconds for ever;
 * here a kubelet is asked when it is wanted, and once more a second later when it has only one sample yet.
 * Source: metrics.k8s.io/v1beta1.
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { matches, parseSelector } from '#api/labels.ts';
import type { Answer, ApiCall, Handler } from '../call.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { ApiTable } from '../apiTable.ts';
import { settle } from '../registry/reads.ts';
import type { ResourceRequest } from '../requestInfo.ts';
import { notFound } from '../status.ts';
import { kubeletOf } from './kubelet.ts';
import type { StreamParts } from './pods.ts';

const GROUP = 'metrics.k8s.io';
const VERSION = 'v1beta1';
const API_VERSION = `${GROUP}/${VERSION}`;
const AGAIN_MS = 1_000;
/** A node that does not answer holds nobody up. */
const ASK_MS = 5_000;
const NODES_AT_ONCE = 50;

interface Use {
  readonly cpu?: { readonly time?: string; readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

interface Summary {
  readonly node: Use;
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly (Use & { readonly name: string })[];
  }[];
}

export function registerUsage(table: ApiTable, parts: StreamParts): void {
  const base = { group: GROUP, version: VERSION, subresource: '' };
  const kind = (name: string) => ({ group: GROUP, version: VERSION, kind: name });
  table.register({
    ...base,
    resource: 'nodes',
    namespaced: false,
    singular: '',
    kind: kind('NodeMetrics'),
    handlers: both((call) => nodeMetrics(parts, call), 'NodeMetricsList', 'nodes'),
  });
  table.register({
    ...base,
    resource: 'pods',
    namespaced: true,
    singular: '',
    kind: kind('PodMetrics'),
    handlers: both((call) => podMetrics(parts, call), 'PodMetricsList', 'pods'),
  });
}

interface Item {
  readonly metadata: { readonly name?: string };
}

function both(all: (call: ApiCall) => Promise<readonly Item[]>, listKind: string, resource: string): { get: Handler; list: Handler } {
  const value = (of: unknown): Answer => ({ kind: 'value', code: 200, value: of });
  return {
    list: async (call) => value({ kind: listKind, apiVersion: API_VERSION, metadata: {}, items: await all(call) }),
    get: async (call) => {
      const { name } = call.info as ResourceRequest;
      const found = (await all(call)).find(({ metadata }) => metadata.name === name);
      if (found === undefined) throw notFound({ group: GROUP, resource }, name);
      return value(found);
    },
  };
}

async function nodeMetrics(parts: StreamParts, call: ApiCall): Promise<readonly Item[]> {
  await settle(parts.deps, { kind: 'newest' });
  const { name } = call.info as ResourceRequest;
  const nodes = parts.places.nodes
    .list(EVERYTHING)
    .map((node) => node.decode() as Node)
    .filter(({ metadata }) => (name === '' || metadata.name === name) && selected(call, metadata.labels));
  const summaries = await summariesOf(parts, call, new Set(nodes.map(({ metadata }) => metadata.name ?? '')));
  return nodes.flatMap(({ metadata }) => {
    const use = summaries.get(metadata.name ?? '')?.node;
    const usage = usageOf(use);
    return usage === undefined ? [] : [{ kind: 'NodeMetrics', apiVersion: API_VERSION, ...head(parts, metadata, use), usage }];
  });
}

async function podMetrics(parts: StreamParts, call: ApiCall): Promise<readonly Item[]> {
  await settle(parts.deps, { kind: 'newest' });
  const { namespace, name } = call.info as ResourceRequest;
  const pods = parts.pods.cache
    .list({ ...EVERYTHING, namespace })
    .map((pod) => pod.decode() as Pod)
    .filter(({ metadata }) => (name === '' || metadata.name === name) && selected(call, metadata.labels))
    .filter(({ spec, status }) => spec.nodeName !== undefined && status?.phase === 'Running');
  const summaries = await summariesOf(parts, call, new Set(pods.map(({ spec }) => spec.nodeName ?? '')));
  return pods.flatMap(({ metadata, spec }) => {
    const found = summaries
      .get(spec.nodeName ?? '')
      ?.pods.find(({ podRef }) => podRef.name === metadata.name && podRef.namespace === metadata.namespace);
    const containers = (found?.containers ?? []).flatMap((c) => {
      const usage = usageOf(c);
      return usage === undefined ? [] : [{ name: c.name, usage }];
    });
    if (containers.length === 0) return [];
    return [{ kind: 'PodMetrics', apiVersion: API_VERSION, ...head(parts, metadata, found?.containers?.[0]), containers }];
  });
}

function selected({ query }: ApiCall, labels: Readonly<Record<string, string>> | undefined): boolean {
  const text = query.get('labelSelector') ?? '';
  return text === '' || matches(parseSelector(text), labels);
}

function head({ deps }: StreamParts, { name, namespace, labels }: Node['metadata'], use: Use | undefined) {
  const now = new Date(deps.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      creationTimestamp: now,
    },
    timestamp: use?.cpu?.time ?? now,
    window: '10s',
  };
}

function usageOf(use: Use | undefined): { readonly cpu: string; readonly memory: string } | undefined {
  const [cpu, memory] = [use?.cpu?.usageNanoCores, use?.memory?.workingSetBytes];
  return cpu === undefined || memory === undefined ? undefined : { cpu: `${Math.round(cpu)}n`, memory: `${Math.floor(memory / 1_024)}Ki` };
}

/** By node; one that cannot be asked is not among them. */
async function summariesOf(parts: StreamParts, call: ApiCall, nodes: ReadonlySet<string>): Promise<ReadonlyMap<string, Summary>> {
  const out = new Map<string, Summary>();
  const names = [...nodes];
  const asking = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const summary = await summaryOf(parts, call, name).catch(() => undefined);
      if (summary !== undefined) out.set(name, summary);
    }
  };
  await Promise.all(Array.from({ length: Math.min(NODES_AT_ONCE, names.length) }, asking));
  call.signal.throwIfAborted();
  return out;
}

async function summaryOf(parts: StreamParts, call: ApiCall, node: string): Promise<Summary> {
  const first = await ask(parts, call, node);
  if (first.node.cpu?.usageNanoCores !== undefined) return first;
  await parts.deps.clock.sleep(AGAIN_MS, call.signal);
  return ask(parts, call, node);
}

async function ask({ backends, places, deps }: StreamParts, call: ApiCall, node: string): Promise<Summary> {
  const late = new AbortController();
  const done = new AbortController();
  deps.clock.sleep(ASK_MS, done.signal).then(
    () => late.abort(new Error(`the kubelet of ${node} gave no answer`)),
    () => undefined,
  );
  try {
    const target = { ...kubeletOf(node, places), path: '/stats/summary' };
    const response = await backends.send(target, { method: 'GET', headers: {}, signal: AbortSignal.any([call.signal, late.signal]) });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return JSON.parse(Buffer.concat(chunks).toString()) as Summary;
  } finally {
    done.abort();
  }
}
