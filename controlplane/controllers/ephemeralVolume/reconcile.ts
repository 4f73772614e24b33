/**
 * Makes the claims of volumes that live as long as their pod: named after pod and volume, owned by the pod, so that they go with it. A claim of
 * that name which is another's is never used: it is somebody's data.
 * Source: "Generic ephemeral volumes" in the Kubernetes docs; upstream's event.
 */
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { explain } from '#base/errors.ts';
import { isAlreadyExists, isNamespaceTerminating } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { keyOf } from '#client/watch.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { PODS, VOLUME_CLAIMS } from '../../component/kinds.ts';
import { controllerReference } from '../workloads/owners.ts';
import { planClaims, type Action } from './plan.ts';

export function ephemeralVolumeController(deps: ControllerDeps, { concurrency }: { readonly concurrency: number }): Controller {
  const pods = deps.informers.for(PODS);
  const claims = deps.informers.for(VOLUME_CLAIMS);
  const client = deps.clientAs('ephemeral-volume-controller').resource(VOLUME_CLAIMS);
  const events = deps.eventsOf('ephemeral_volume', 'ephemeral-volume-controller');
  const owners = (claim: PersistentVolumeClaim | undefined): readonly string[] =>
    (claim?.metadata.ownerReferences ?? []).flatMap(({ kind, name }) => (kind === 'Pod' ? [`${claim?.metadata.namespace}/${name}`] : []));
  const tell = (podKey: string, volume: string, why: string): void => {
    const pod = pods.get(podKey);
    if (pod === undefined) return;
    events.record(regarding(PODS, pod), { type: 'Warning', reason: 'FailedBinding', message: `ephemeral volume ${volume}: ${why}` });
  };
  return loopController<Pod, Action>({
    name: 'ephemeral-volume-controller',
    deps,
    concurrency,
    sources: [source(pods, (podKey) => [podKey]), source(claims, (_, claim) => owners(claim))],
    desired: (podKey) => pods.get(podKey),
    plan: (pod) => planClaims(pod, (namespace, name) => claims.get(`${namespace}/${name}`)),
    act: async (action, podKey, signal) => {
      const pod = pods.get(podKey);
      if (pod === undefined) return;
      if (action.kind === 'refuse') {
        const why = `PVC ${JSON.stringify(action.claim)} was not created for pod ${JSON.stringify(podKey)} (pod is not owner)`;
        return tell(podKey, action.volume, why);
      }
      const ownerReferences = [controllerReference(PODS, pod)];
      const claim = { ...action.claim, metadata: { ...action.claim.metadata, ownerReferences } };
      await client.create(claim, { signal }).catch((err: unknown) => {
        if (isNamespaceTerminating(err)) return; // the pod goes too
        if (!isAlreadyExists(err)) throw err;
        deps.log.debug('The claim is there', { claim: keyOf(claim) });
      });
    },
    onFailure: ({ kind, volume, claim }, podKey, err) => {
      if (kind === 'create') tell(podKey, volume, `create PVC ${keyOf(claim)}: ${explain(err)}`);
    },
  });
}
