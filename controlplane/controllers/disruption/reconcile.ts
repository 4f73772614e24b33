/** Keeps the status of PodDisruptionBudgets, by which the API server allows evictions. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { formatSelector, fromLabelSelector, matches } from '#api/labels.ts';
import { regarding } from '#client/events.ts';
import { keyOf } from '#client/watch.ts';
import type { Informer } from '#client/informer.ts';
import { loopController, source, type Controller, type ControllerDeps, type Source } from '../controller.ts';
import { BY_NAMESPACE } from '../endpointSlice/services.ts';
import { DEPLOYMENTS, DISRUPTION_BUDGETS, PODS, REPLICATION_CONTROLLERS, REPLICA_SETS, STATEFUL_SETS } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { isSameStatus, judgeBudget, type Judged } from './plan.ts';

type Action = { readonly kind: 'updateStatus'; readonly budget: PodDisruptionBudget; readonly judged: Judged };
type Scaled = KubeObject & { readonly spec: { readonly replicas?: number } };

export function disruptionController(deps: ControllerDeps): Controller {
  const { informers, clock } = deps;
  const budgets = informers.for(DISRUPTION_BUDGETS, { indexes: BY_NAMESPACE });
  const pods = informers.for(PODS, { indexes: BY_NAMESPACE });
  const owners = new Map<string, Informer<Scaled>>([
    ['apps/ReplicaSet', informers.for(REPLICA_SETS) as unknown as Informer<Scaled>],
    ['apps/StatefulSet', informers.for(STATEFUL_SETS) as unknown as Informer<Scaled>],
    ['apps/Deployment', informers.for(DEPLOYMENTS) as unknown as Informer<Scaled>],
    ['/ReplicationController', informers.for(REPLICATION_CONTROLLERS)],
  ]);
  const client = deps.clientAs('disruption-controller').resource(DISRUPTION_BUDGETS);
  const events = deps.eventsOf('controllermanager', 'disruption-controller');
  const expectations = new Expectations(clock, [budgets]);
  const selects = ({ metadata, spec }: PodDisruptionBudget, pod: Pod): boolean =>
    metadata.namespace === pod.metadata.namespace &&
    spec.selector !== undefined &&
    matches(fromLabelSelector(spec.selector), pod.metadata.labels);
  const ownerOf = (object: KubeObject): Scaled | undefined => {
    const reference = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (reference === undefined) return undefined;
    const [group = '', version] = reference.apiVersion.includes('/') ? reference.apiVersion.split('/') : ['', reference.apiVersion];
    const found =
      version === 'v1' ? owners.get(`${group}/${reference.kind}`)?.get(`${object.metadata.namespace ?? ''}/${reference.name}`) : undefined;
    return found?.metadata.uid === reference.uid ? found : undefined;
  };
  /** A ReplicaSet of a Deployment counts as the Deployment, also while it grows and another shrinks. */
  const scaleOf = (pod: Pod): { readonly uid: string; readonly replicas: number } | undefined => {
    const owner = ownerOf(pod);
    const keeper = owner === undefined ? undefined : (ownerOf(owner) ?? owner);
    return keeper === undefined ? undefined : { uid: keeper.metadata.uid ?? '', replicas: keeper.spec.replicas ?? 1 };
  };
  const ownerSource = (informer: Informer<Scaled>): Source => ({
    informer,
    onKeys: (ring) =>
      void informer.onChange(({ before, after }) => {
        if (before !== undefined && after !== undefined && before.spec.replicas === after.spec.replicas) return;
        const { namespace = '' } = (after ?? before)?.metadata ?? {};
        for (const budget of budgets.by('namespace', namespace)) ring(keyOf(budget));
      }),
  });
  return loopController<PodDisruptionBudget, Action>({
    name: 'disruption-controller',
    deps,
    expectations,
    sources: [
      source(budgets, (key) => [key]),
      source(pods, (_, pod) =>
        pod === undefined
          ? []
          : budgets
              .by('namespace', pod.metadata.namespace ?? '')
              .filter((budget) => selects(budget, pod))
              .map(keyOf),
      ),
      ...[...owners.values()].map(ownerSource),
    ],
    desired: (key) => budgets.get(key),
    plan: (budget, _, nowMs) => {
      if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return { actions: [] };
      const behind = pods.by('namespace', budget.metadata.namespace ?? '').filter((pod) => selects(budget, pod));
      const judged = judgeBudget({ budget, pods: behind, scaleOf }, nowMs);
      const later = judged.lookAgainAfterMs === undefined ? {} : { lookAgainAfterMs: judged.lookAgainAfterMs };
      return { actions: isSameStatus(budget.status, judged.status) ? [] : [{ kind: 'updateStatus', budget, judged }], ...later };
    },
    act: async ({ budget, judged }, key, signal) => {
      const about = regarding(DISRUPTION_BUDGETS, budget);
      for (const pod of judged.notDeleted) {
        const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`;
        events.record(regarding(PODS, pod), { type: 'Warning', reason: 'NotDeleted', message });
      }
      if (judged.status.expectedPods === 0 && judged.unmanaged.length === 0)
        events.record(about, { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' });
      if (judged.unmanaged.length > 0) {
        const selector = formatSelector(fromLabelSelector(budget.spec.selector ?? {}));
        const message = `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
        events.record(about, { type: 'Warning', reason: 'UnmanagedPods', message });
      }
      expectations.written(key, budgets, await client.updateStatus({ ...budget, status: judged.status }, { signal }));
    },
  });
}
