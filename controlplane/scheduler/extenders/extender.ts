/**
 * A scheduler extender: a web hook that has its say about nodes, their order, who is pushed out, and the binding. Pure but for what it sends.
 * Source: k8s.io/kube-scheduler extender/v1 for the messages (names of fields begin with capitals; answers are read whatever their case, as Go
 * does), upstream's scheduler for what follows from them.
 * Differs: a node that an extender leaves out without a word is told as such; upstream counts it among no reason.
 */
import { AppError } from '#base/errors.ts';
import type { PluginScores, Refused } from '../core/decide.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import { MOST_SCORE } from '../core/plugin.ts';
import type { PodInfo } from '../core/podInfo.ts';
import type { Candidate } from '../core/preempt.ts';
import type { KubeSchedulerConfiguration } from '../config/schedulerConfiguration.ts';

export type ExtenderConfig = NonNullable<KubeSchedulerConfiguration['extenders']>[number];

/** Asks for a verb; what comes back is JSON. */
export type Send = (verb: string, args: object, signal: AbortSignal) => Promise<unknown>;

/** Among the plugins that refused a pod; any change may help then. */
export const EXTENDER = 'Extender';
/** Source: scores of extenders go from 0 to 10. */
const MOST_OF_EXTENDER = 10;

export class Extender {
  /** Names it in explanations: "Extender https://...". */
  readonly name: string;
  readonly ignorable: boolean;
  readonly #config: ExtenderConfig;
  readonly #send: Send;
  readonly #resources: ReadonlySet<string>;

  constructor(config: ExtenderConfig, send: Send) {
    this.name = `${EXTENDER} ${config.urlPrefix}`;
    this.ignorable = config.ignorable ?? false;
    this.#config = config;
    this.#send = send;
    this.#resources = new Set((config.managedResources ?? []).map(({ name }) => name));
  }

  get binds(): boolean {
    return (this.#config.bindVerb ?? '') !== '';
  }

  get preempts(): boolean {
    return (this.#config.preemptVerb ?? '') !== '';
  }

  /** Only pods that ask for what it manages; all, where it manages nothing. */
  isInterested({ pod: { spec } }: PodInfo): boolean {
    if (this.#resources.size === 0) return true;
    return [...spec.containers, ...(spec.initContainers ?? [])].some(({ resources = {} }) =>
      [resources.requests, resources.limits].some((amounts) => Object.keys(amounts ?? {}).some((name) => this.#resources.has(name))),
    );
  }

  async filter(
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    signal: AbortSignal,
  ): Promise<{ readonly passed: readonly NodeInfo[]; readonly refused: ReadonlyMap<NodeInfo, Refused> }> {
    const verb = this.#config.filterVerb ?? '';
    const refused = new Map<NodeInfo, Refused>();
    if (verb === '') return { passed: nodes, refused };
    const answer = await this.#send(verb, this.#about(pod, nodes), signal);
    const error = field(answer, 'error');
    if (typeof error === 'string' && error !== '') throw this.#failed(error);
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const passed = this.#namesIn(answer).map((name) => {
      const node = byName.get(name);
      if (node === undefined) throw this.#failed(`it names the node ${JSON.stringify(name)}, which it was not asked about`);
      return node;
    });
    const gone = textsIn(field(answer, 'failedAndUnresolvableNodes'));
    const failed = textsIn(field(answer, 'failedNodes'));
    const stays = new Set(passed);
    for (const node of nodes) {
      if (stays.has(node)) continue;
      const why = gone.get(node.name) ?? failed.get(node.name) ?? `node(s) were left out by the extender ${this.#config.urlPrefix}`;
      refused.set(node, { plugin: this.name, verdict: { reasons: [why], helpedByPreemption: !gone.has(node.name) } });
    }
    return { passed, refused };
  }

  /** undefined: it has no opinion. */
  async prioritize(pod: PodInfo, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<PluginScores | undefined> {
    const { prioritizeVerb = '', weight = 1 } = this.#config;
    if (prioritizeVerb === '') return undefined;
    const answer = await this.#send(prioritizeVerb, this.#about(pod, nodes), signal);
    if (answer !== null && !Array.isArray(answer)) throw this.#failed('its priorities are no list');
    const given = new Map(((answer ?? []) as unknown[]).map((one) => [field(one, 'host'), Number(field(one, 'score') ?? 0)]));
    const scores = Float64Array.from(nodes, ({ name }) => ((given.get(name) ?? 0) * MOST_SCORE) / MOST_OF_EXTENDER);
    if (scores.some(Number.isNaN)) throw this.#failed('a score is no number');
    return { plugin: this.name, weight, scores };
  }

  /** Which of the candidates are left, with the victims that it names. */
  async preempt(pod: PodInfo, candidates: readonly Candidate[], signal: AbortSignal): Promise<readonly Candidate[]> {
    const victimsOf = (pods: (candidate: Candidate) => unknown): object =>
      Object.fromEntries(candidates.map((c) => [c.node.name, { Pods: pods(c), NumPDBViolations: c.violations }]));
    const victims =
      this.#config.nodeCacheCapable === true
        ? { NodeNameToMetaVictims: victimsOf((c) => c.victims.map(({ uid }) => ({ UID: uid }))) }
        : { NodeNameToVictims: victimsOf((c) => c.victims.map((v) => v.pod)) };
    const answer = await this.#send(this.#config.preemptVerb ?? '', { Pod: pod.pod, ...victims }, signal);
    const named = field(answer, 'nodeNameToMetaVictims');
    if (!isStruct(named)) return [];
    return Object.entries(named).map(([name, value]) => {
      const node = candidates.find((c) => c.node.name === name)?.node;
      if (node === undefined) throw this.#failed(`it names the node ${JSON.stringify(name)}, which it was not asked about`);
      const list = field(value, 'pods');
      const pods = (Array.isArray(list) ? list : []).map((meta) => {
        const uid = field(meta, 'uid');
        const found = [...node.pods.values()].find((p) => p.uid === uid);
        if (found === undefined) throw this.#failed(`it wants to push out the pod ${String(uid)}, which is not on node ${name}`);
        return found;
      });
      if (pods.length === 0) throw this.#failed(`it names no pod that would have to go from node ${name}`);
      return { node, victims: pods, violations: Number(field(value, 'numPDBViolations') ?? 0) || 0 };
    });
  }

  async bind({ namespace, name, uid }: PodInfo, node: string, signal: AbortSignal): Promise<void> {
    const args = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    const error = field(await this.#send(this.#config.bindVerb ?? '', args, signal), 'error');
    if (typeof error === 'string' && error !== '') throw this.#failed(error);
  }

  #about(pod: PodInfo, nodes: readonly NodeInfo[]): object {
    const cached = this.#config.nodeCacheCapable === true;
    return {
      Pod: pod.pod,
      Nodes: cached ? null : { metadata: {}, items: nodes.map(({ node }) => node) },
      NodeNames: cached ? nodes.map(({ name }) => name) : null,
    };
  }

  #namesIn(answer: unknown): readonly string[] {
    const names = field(answer, 'nodeNames');
    if (this.#config.nodeCacheCapable === true && Array.isArray(names)) return names.map(String);
    const items = field(field(answer, 'nodes'), 'items');
    return (Array.isArray(items) ? items : []).map((node) => String(field(field(node, 'metadata'), 'name')));
  }

  #failed(why: string): AppError {
    return new AppError('EXTENDER_FAILED', `${this.#config.urlPrefix}: ${why}`, { extender: this.#config.urlPrefix });
  }
}

const isStruct = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whatever the case of its name. */
function field(value: unknown, name: string): unknown {
  if (!isStruct(value)) return undefined;
  const wanted = name.toLowerCase();
  return Object.entries(value).find(([key]) => key.toLowerCase() === wanted)?.[1];
}

const textsIn = (value: unknown): ReadonlyMap<string, string> =>
  new Map(isStruct(value) ? Object.entries(value).map(([key, text]) => [key, String(text)]) : []);
