/** What schedulers and drains do to a pod: binding and eviction. Source: their storage in Kubernetes 1.36, and its texts. */
import type { Binding, Pod } from '#api/kinds/core/pod.ts';
import type { DeleteOptions } from '#api/kinds/meta/options.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { fromLabelSelector, matches } from '#api/labels.ts';
import type { Draft } from '#api/schema.ts';
import type { ApiCall, Handler } from '../../call.ts';
import { EVERYTHING } from '../../cache/filter.ts';
import type { ResourceRequest } from '../../requestInfo.ts';
import { ApiError, badRequest, conflict, internalError, notFound, success } from '../../status.ts';
import { readBodyValue } from '../decode.ts';
import type { RegistryDeps } from '../deps.ts';
import { checkedDeleteOptions, isDryRun, writeOptionsOf } from '../handlers.ts';
import { rfc3339 } from '#api/formats.ts';
import { settle } from '../reads.ts';
import type { KubeDraft, Resource } from '../types.ts';
import type { Writer, WriteOptions } from '../writes.ts';

/** fromBody: the pod's name stands in the Binding, not in the URL (POST .../bindings). */
export function bindingHandler(writer: Writer, pods: Resource, where: 'url' | 'body'): Handler {
  return async (call) => {
    const info = call.info as ResourceRequest;
    const binding = (await readBodyValue(call, 'Binding')).value as Draft<Binding> | null;
    const name = where === 'url' ? info.name : (binding?.metadata?.name ?? '');
    const said = binding?.metadata?.name ?? '';
    if (said !== '' && said !== name) throw badRequest('name in URL does not match name in Binding object');
    const target = binding?.target;
    if (target === undefined || (target.name ?? '') === '') throw badRequest('target.name: Required value: name of the node');
    if ((target.kind ?? 'Node') !== 'Node' && target.kind !== '')
      throw badRequest(`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node"`);
    const node = target.name ?? '';
    await writer.update(
      pods,
      { namespace: info.namespace, name },
      {
        ...writeOptionsOf(call, 'binding'),
        // As upstream: who binds owns no field of the pod.
        untracked: true,
        change: (old) => bound(old as unknown as Pod, node, { about: pods.about, nowMs: call.startedAtMs, binding }),
      },
    );
    return { kind: 'value', code: 201, value: success() };
  };
}

function bound(
  old: Pod,
  node: string,
  { about, nowMs, binding }: { readonly about: Resource['about']; readonly nowMs: number; readonly binding: Draft<Binding> | null },
): KubeDraft {
  const name = old.metadata.name ?? '';
  if (old.metadata.deletionTimestamp !== undefined)
    throw conflict(about, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if ((old.spec.nodeName ?? '') !== '')
    throw conflict(about, name, `pod ${name} is already assigned to node ${JSON.stringify(old.spec.nodeName)}`);
  if ((old.spec.schedulingGates ?? []).length > 0) throw conflict(about, name, `pod ${name} has non-empty .spec.schedulingGates`);
  const uid = binding?.metadata?.uid;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(about, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`);
  }
  const pod = structuredClone(old) as unknown as Draft<Pod>;
  delete pod.metadata.resourceVersion;
  pod.spec.nodeName = node;
  pod.metadata.annotations = { ...pod.metadata.annotations, ...binding?.metadata?.annotations };
  if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
  pod.metadata.labels = { ...pod.metadata.labels, ...binding?.metadata?.labels };
  if (Object.keys(pod.metadata.labels).length === 0) delete pod.metadata.labels;
  setCondition(pod, { type: 'PodScheduled', status: 'True', lastProbeTime: null as never, lastTransitionTime: rfc3339(nowMs) });
  return pod;
}

type Condition = Draft<NonNullable<NonNullable<Pod['status']>['conditions']>[number]>;

function setCondition(pod: Draft<Pod>, condition: Condition): void {
  const status = (pod.status ??= {} as never);
  status.conditions = [...(status.conditions ?? []).filter(({ type }) => type !== condition.type), condition];
}

export function evictionHandler(
  deps: RegistryDeps,
  writer: Writer,
  { pods, budgets }: { readonly pods: Resource; readonly budgets: Resource },
): Handler {
  return async (call) => {
    const info = call.info as ResourceRequest;
    const eviction = (await readBodyValue(call, 'Eviction')).value as {
      readonly deleteOptions?: DeleteOptions;
      readonly metadata?: { readonly name?: string };
    } | null;
    const said = eviction?.metadata?.name ?? '';
    if (said !== '' && said !== info.name) throw badRequest('name in URL does not match name in Eviction object');
    const deletion = checkedDeleteOptions(eviction?.deleteOptions ?? {});
    const options = writeOptionsOf(call);
    const dryRun = options.dryRun || isDryRun(deletion.dryRun ?? []);
    await settle(deps, { kind: 'newest' });
    const pod = pods.cache.get(`${info.namespace}/${info.name}`)?.decode() as Pod | undefined;
    if (pod === undefined) throw notFound(pods.about, info.name);
    await deps.admission.validate({
      operation: 'CREATE',
      resource: pods,
      subresource: 'eviction',
      namespace: info.namespace,
      name: info.name,
      object: eviction as unknown as KubeDraft,
      old: pod,
      user: call.user,
      dryRun,
      nowMs: deps.clock.nowMs(),
      warn: (text) => call.warn(text),
      also: () => undefined,
    });
    if (needsBudget(pod)) await spendBudget(deps, writer, { budgets, pod, options: { ...options, dryRun } });
    await markDisrupted(writer, pods, { call, pod, options: { ...options, dryRun } });
    await writer.delete(pods, info, { ...options, dryRun, deletion });
    return { kind: 'value', code: 201, value: success() };
  };
}

/** A pod that runs nothing, or is going anyway, disturbs nobody. */
function needsBudget({ status, metadata }: Pod): boolean {
  const phase = status?.phase;
  return phase !== 'Succeeded' && phase !== 'Failed' && phase !== 'Pending' && metadata.deletionTimestamp === undefined;
}

async function spendBudget(
  deps: RegistryDeps,
  writer: Writer,
  { budgets, pod, options }: { readonly budgets: Resource; readonly pod: Pod; readonly options: WriteOptions },
): Promise<void> {
  const { namespace = '', name = '' } = pod.metadata;
  const found = budgets.cache
    .list({ ...EVERYTHING, namespace })
    .map((object) => object.decode() as PodDisruptionBudget)
    .filter(({ spec }) => spec.selector !== undefined && matches(fromLabelSelector(spec.selector), pod.metadata.labels));
  if (found.length > 1) {
    throw internalError('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  }
  const [budget] = found;
  if (budget === undefined) return;
  if (!isReady(pod) && mayGoUnready(budget)) return;
  const place = { namespace, name: budget.metadata.name ?? '' };
  await writer.update(budgets, place, {
    ...options,
    subresource: 'status',
    change: (old) => spent(old as unknown as PodDisruptionBudget, name, deps.clock.nowMs()),
  });
}

const isReady = ({ status }: Pod): boolean => (status?.conditions ?? []).some(({ type, status: s }) => type === 'Ready' && s === 'True');

function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return (status?.currentHealthy ?? 0) >= (status?.desiredHealthy ?? 0) && (status?.desiredHealthy ?? 0) > 0;
}

/** So many pods may be on their way out before their controller has noticed. */
const MOST_DISRUPTED = 2_000;

function spent(old: PodDisruptionBudget, pod: string, nowMs: number): KubeDraft {
  const { name = '', generation = 0 } = old.metadata;
  const { disruptionsAllowed = 0, observedGeneration = 0, desiredHealthy = 0, currentHealthy = 0 } = old.status ?? {};
  if (observedGeneration < generation) throw violated(name, `The disruption budget ${name} is still being processed by the server.`, 10);
  if (Object.keys(old.status?.disruptedPods ?? {}).length > MOST_DISRUPTED)
    throw violated(name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller', 10);
  if (disruptionsAllowed <= 0)
    throw violated(name, `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`, 0);
  const budget = structuredClone(old) as unknown as Draft<PodDisruptionBudget>;
  const status = (budget.status ??= {} as never);
  status.disruptionsAllowed = disruptionsAllowed - 1;
  status.disruptedPods = { ...status.disruptedPods, [pod]: rfc3339(nowMs) };
  return budget;
}

function violated(budget: string, why: string, retryAfterSeconds: number): ApiError {
  return new ApiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: { causes: [{ reason: 'DisruptionBudget', message: why }], ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) },
  });
}

async function markDisrupted(
  writer: Writer,
  pods: Resource,
  { call, pod, options }: { readonly call: ApiCall; readonly pod: Pod; readonly options: WriteOptions },
): Promise<void> {
  if (pod.metadata.deletionTimestamp !== undefined) return;
  const { namespace = '', name = '' } = pod.metadata;
  await writer.update(
    pods,
    { namespace, name },
    {
      ...options,
      subresource: 'status',
      change: (old) => {
        const next = structuredClone(old) as unknown as Draft<Pod>;
        setCondition(next, {
          type: 'DisruptionTarget',
          status: 'True',
          lastProbeTime: null as never,
          lastTransitionTime: rfc3339(call.startedAtMs),
          reason: 'EvictionByEvictionAPI',
          message: 'Eviction API: evicting',
        });
        return next;
      },
    },
  );
}
