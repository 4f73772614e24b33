/** What the scheduler has to know of a pod, worked out once when the pod is first seen. Pure. */
import { hostPorts, type HostPort } from '#api/hostPorts.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodAffinityTerm } from '#api/kinds/core/scheduling.ts';
import type { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { fromLabelSelector, matches, type Labels, type Requirement, type Selector } from '#api/labels.ts';
import { claimsOf } from '#api/podClaims.ts';
import { podTotal } from '#api/podResources.ts';
import { Amounts, unsaidTotal } from './amounts.ts';

/** Pods that are meant by a term of (anti-)affinity. */
export interface Term {
  /** The same for terms that mean the same. */
  readonly id: string;
  readonly topologyKey: string;
  /** undefined: no pod is meant. */
  readonly selector: Selector | undefined;
  readonly namespaces: ReadonlySet<string>;
  /** Of the namespaces by their labels; undefined: only those that are named. */
  readonly namespaceSelector: Selector | undefined;
}

export interface WeightedTerm extends Term {
  readonly weight: number;
}

export interface PodInfo {
  readonly pod: Pod;
  /** "namespace/name" */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly priority: number;
  readonly requests: Amounts;
  readonly unsaid: Amounts;
  readonly ports: readonly HostPort[];
  /** Keys of the claims that it uses, those of ephemeral volumes too. */
  readonly claims: readonly string[];
  readonly affinity: readonly Term[];
  readonly antiAffinity: readonly Term[];
  readonly preferred: readonly WeightedTerm[];
  readonly preferredAnti: readonly WeightedTerm[];
  readonly isTerminating: boolean;
}

const known = new WeakMap<Pod, PodInfo>();

/** The same for the same object: an object of an informer never changes. */
export function podInfoOf(pod: Pod): PodInfo {
  const found = known.get(pod);
  if (found !== undefined) return found;
  const made = make(pod);
  known.set(pod, made);
  return made;
}

function make(pod: Pod): PodInfo {
  const { namespace = '', name = '', uid = '', labels = {}, deletionTimestamp } = pod.metadata;
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const term = (t: PodAffinityTerm): Term => termOf(t, namespace, labels);
  const weighted = (list: readonly { weight: number; podAffinityTerm: PodAffinityTerm }[] | undefined): readonly WeightedTerm[] =>
    (list ?? []).map((w) => ({ ...term(w.podAffinityTerm), weight: w.weight }));
  return {
    pod,
    key: `${namespace}/${name}`,
    uid,
    namespace,
    name,
    labels,
    priority: pod.spec.priority ?? 0,
    requests: Amounts.of(podTotal(pod.spec, 'requests')),
    unsaid: unsaidTotal(pod.spec),
    ports: hostPorts(pod.spec),
    claims: claimsOf(pod),
    affinity: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    antiAffinity: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferred: weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAnti: weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    isTerminating: deletionTimestamp !== undefined,
  };
}

function termOf(term: PodAffinityTerm, namespace: string, labels: Labels): Term {
  const named = term.namespaces ?? [];
  const own = named.length === 0 && term.namespaceSelector === undefined;
  const { topologyKey } = term;
  const selector = narrowed(selectorOf(term.labelSelector), term, labels);
  const namespaces = own ? [namespace] : named.toSorted();
  const namespaceSelector = term.namespaceSelector === undefined ? undefined : selectorOf(term.namespaceSelector);
  const id = JSON.stringify([topologyKey, selector ?? null, namespaces, namespaceSelector ?? null]);
  return { id, topologyKey, selector, namespaces: new Set(namespaces), namespaceSelector };
}

/** matchLabelKeys and mismatchLabelKeys; an API server that has put them into the selector already changes nothing by that. */
function narrowed(
  selector: Selector | undefined,
  { matchLabelKeys, mismatchLabelKeys = [] }: PodAffinityTerm,
  labels: Labels,
): Selector | undefined {
  if (selector === undefined) return undefined;
  const others = mismatchLabelKeys.flatMap((key): Requirement[] => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined
      ? []
      : [
          { kind: 'exists', key },
          { kind: 'notIn', key, values: [value] },
        ];
  });
  return [...withOwnLabels(selector, matchLabelKeys, labels), ...others];
}

/** A missing selector means no pod; one that cannot be read cannot mean any either. */
export function selectorOf(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined;
  try {
    return fromLabelSelector(selector);
  } catch {
    return undefined;
  }
}

/** A selector that in addition asks for the pod's own values of these labels. */
export function withOwnLabels(selector: Selector, keys: readonly string[] | undefined, labels: Labels): Selector {
  const more = (keys ?? []).flatMap((key): Requirement[] => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ kind: 'in', key, values: [value] }];
  });
  return more.length === 0 ? selector : [...selector, ...more];
}

/** Whether a term of one pod means the other pod. namespaceLabels: of the other pod's namespace. */
export function meant(term: Term, other: PodInfo, namespaceLabels: (namespace: string) => Labels | undefined): boolean {
  if (term.selector === undefined) return false;
  const inNamespace =
    term.namespaces.has(other.namespace) ||
    (term.namespaceSelector !== undefined && matches(term.namespaceSelector, namespaceLabels(other.namespace)));
  return inNamespace && matches(term.selector, other.labels);
}
