/** Which claims a pod still needs. Pure. */
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Plan } from '#base/reconcile.ts';

export type Action =
  | { readonly kind: 'create'; readonly volume: string; readonly claim: PersistentVolumeClaim }
  /** It is there and another's. claim: "namespace/name". */
  | { readonly kind: 'refuse'; readonly volume: string; readonly claim: string };

/** Who removes the other claim gets his: it is looked at again. */
const AGAIN_MS = 60_000;

export function planClaims(
  pod: Pod | undefined,
  find: (namespace: string, name: string) => PersistentVolumeClaim | undefined,
): Plan<Action> {
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const { namespace = '', name: podName = '', uid } = pod.metadata;
  let isRefused = false;
  const actions = (pod.spec.volumes ?? []).flatMap(({ name: volume, ephemeral }): Action[] => {
    const template = ephemeral?.volumeClaimTemplate;
    if (template === undefined) return [];
    const name = `${podName}-${volume}`;
    const there = find(namespace, name);
    if (there === undefined) {
      const { labels, annotations } = template.metadata ?? {};
      const metadata = {
        name,
        namespace,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      };
      return [{ kind: 'create', volume, claim: { metadata, spec: template.spec } }];
    }
    if (there.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) === true) return [];
    isRefused = true;
    return [{ kind: 'refuse', volume, claim: `${namespace}/${name}` }];
  });
  return isRefused ? { actions, lookAgainAfterMs: AGAIN_MS } : { actions };
}
