/** Namespaces say by labels how much their pods may do; here it is held against them. Source: the PodSecurity plugin of Kubernetes 1.36. */
import { at } from '#api/fieldPath.ts';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { deepEqual } from '../registry/deepEqual.ts';
import { invalid } from '../status.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { findings, type Level, type PodLike } from './podSecurityChecks.ts';
import type { PluginParts } from './plugins.ts';
import { refuse } from './refuse.ts';

const LEVELS: readonly Level[] = ['privileged', 'baseline', 'restricted'];
const LABEL = 'pod-security.kubernetes.io/';
const LATEST = Number.POSITIVE_INFINITY;
/** Source: upstream's limit for pods that are looked at when a label changes. */
const MOST_PODS = 3_000;

type Labels = Readonly<Record<string, string>>;
type Mode = 'enforce' | 'audit' | 'warn';

interface Policy {
  readonly level: Level;
  /** The minor number of Kubernetes 1.x. */
  readonly version: number;
  /** "restricted:latest" */
  readonly text: string;
}

const PRIVILEGED: Policy = { level: 'privileged', version: LATEST, text: 'privileged:latest' };

/** Where the template of a pod stands in the kinds that make pods. */
type Templated = { readonly spec: { readonly template?: PodTemplateSpec } };
const fromSpec = (object: never): PodTemplateSpec | undefined => (object as Templated).spec.template;
const TEMPLATES: Readonly<Record<string, (object: never) => PodTemplateSpec | undefined>> = {
  Deployment: fromSpec,
  ReplicaSet: fromSpec,
  StatefulSet: fromSpec,
  DaemonSet: fromSpec,
  ReplicationController: fromSpec,
  Job: fromSpec,
  CronJob: (o: { readonly spec: { readonly jobTemplate: Templated } }) => o.spec.jobTemplate.spec.template,
  PodTemplate: (o: { readonly template?: PodTemplateSpec }) => o.template,
};

export function podSecurity({ registry }: PluginParts): AdmissionPlugin {
  const namespaces = registry.get('v1', 'namespaces').cache;
  const pods = registry.get('v1', 'pods').cache;
  return {
    name: 'PodSecurity',
    handles: ({ operation, resource, subresource }) => {
      const { kind } = resource.definition;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
      if (subresource !== '') return kind === 'Pod' && (subresource === 'ephemeralcontainers' || subresource === 'resize');
      return kind === 'Pod' || kind === 'Namespace' || Object.hasOwn(TEMPLATES, kind);
    },
    validate(request) {
      const { kind } = request.resource.definition;
      if (kind === 'Namespace') return checkNamespace(request, pods);
      const labels = namespaces.get(request.namespace)?.labels ?? {};
      if (!hasPolicy(labels)) return;
      if (kind === 'Pod') return checkPod(request, labels);
      const template = TEMPLATES[kind]?.(request.object as never);
      if (template !== undefined) report(request, labels, { metadata: template.metadata ?? {}, spec: template.spec });
    },
  };
}

function hasPolicy(labels: Labels): boolean {
  for (const key in labels) if (key.startsWith(LABEL)) return true;
  return false;
}

/** What is not said is as strict as what is enforced. A level that nobody knows meant to restrict something, so it restricts everything. */
function policyOf(labels: Labels, mode: Mode): Policy {
  const said = labels[LABEL + mode];
  if (said === undefined) return mode === 'enforce' ? PRIVILEGED : policyOf(labels, 'enforce');
  const level = LEVELS.find((known) => known === said) ?? 'restricted';
  const asked = labels[`${LABEL}${mode}-version`] ?? 'latest';
  const minor = /^v1\.(\d{1,3})$/.exec(asked)?.[1];
  return { level, version: minor === undefined ? LATEST : Number(minor), text: `${level}:${minor === undefined ? 'latest' : asked}` };
}

function detailsOf({ level, version }: Policy, pod: PodLike): string {
  return findings(level, version, pod)
    .map(({ reason, detail }) => `${reason} (${detail})`)
    .join(', ');
}

function checkPod(request: AdmissionRequest, labels: Labels): void {
  const pod = request.object as unknown as Pod;
  // What was let in before the label was there may go on, as long as it does not change.
  if (request.old !== undefined && deepEqual(pod.spec, (request.old as Pod).spec)) return;
  const policy = policyOf(labels, 'enforce');
  const found = detailsOf(policy, pod);
  if (found !== '') throw refuse(request, `violates PodSecurity ${JSON.stringify(policy.text)}: ${found}`);
  report(request, labels, pod);
}

function report(request: AdmissionRequest, labels: Labels, pod: PodLike): void {
  const say = (mode: Mode): string => {
    const policy = policyOf(labels, mode);
    const found = detailsOf(policy, pod);
    return found === '' ? '' : `would violate PodSecurity ${JSON.stringify(policy.text)}: ${found}`;
  };
  const warning = say('warn');
  if (warning !== '') request.warn(warning);
}

function checkNamespace(request: AdmissionRequest, pods: ResourceCache): void {
  const [labels = {}, old = {}] = [request.object?.metadata.labels, request.old?.metadata.labels];
  const problems = labelProblems(labels);
  // An old mistake does not keep others from being mended.
  if (problems.length > 0 && !deepEqual(problems, labelProblems(old))) throw invalid(request.resource.aboutKind, request.name, problems);
  if (request.operation !== 'UPDATE') return;
  const [next, was] = [policyOf(labels, 'enforce'), policyOf(old, 'enforce')];
  if (next.text === was.text || (next.version === was.version && LEVELS.indexOf(next.level) <= LEVELS.indexOf(was.level))) return;
  for (const text of warningsOf(pods, request.name, next)) request.warn(text);
}

function labelProblems(labels: Labels): readonly Problem[] {
  const problems = new Problems();
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const place = (key: string) => at('metadata', 'labels').key(key);
    const level = labels[LABEL + mode];
    if (level !== undefined && !LEVELS.some((known) => known === level))
      problems.invalid(place(LABEL + mode), level, `must be one of ${LEVELS.join(', ')}`);
    const key = `${LABEL}${mode}-version`;
    const version = labels[key];
    if (version !== undefined && version !== 'latest' && !/^v1\.(0|[1-9]\d{0,2})$/.test(version))
      problems.invalid(place(key), version, 'must be "latest" or "v1.x"');
  }
  return problems.found;
}

/** Pods with the same faults are told together, under the first of their names. */
function warningsOf(pods: ResourceCache, namespace: string, policy: Policy): readonly string[] {
  const all = pods.list({ ...EVERYTHING, namespace });
  const byFault = new Map<string, string[]>();
  for (const object of all.slice(0, MOST_PODS)) {
    const reasons = findings(policy.level, policy.version, object.decode() as Pod).map(({ reason }) => reason);
    if (reasons.length === 0) continue;
    const fault = reasons.join(', ');
    byFault.set(fault, [...(byFault.get(fault) ?? []), object.name]);
  }
  const told = [...byFault].map(([fault, names]) => `${names[0] ?? ''}${others(names.length - 1)}: ${fault}`).toSorted();
  const limited = `new PodSecurity enforce level only checked against the first ${MOST_PODS} of ${all.length} existing pods`;
  const head = `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(policy.text)}`;
  return [...(all.length > MOST_PODS ? [limited] : []), ...(told.length === 0 ? [] : [head, ...told])];
}

function others(count: number): string {
  return count === 0 ? '' : ` (and ${count} other pod${count === 1 ? '' : 's'})`;
}
