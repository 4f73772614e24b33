/** Tokens for which nodes may ask: bound to a pod of theirs, for whom the pod says it needs them. Source: NodeRestriction of Kubernetes 1.36. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { TokenRequest } from '#api/kinds/authentication/v1.ts';
import { notFound } from '../status.ts';
import type { AdmissionRequest } from './chain.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

export function checkNodeToken(request: AdmissionRequest, node: string, parts: PluginParts): void {
  if (request.subresource !== 'token' || request.operation !== 'CREATE') return;
  const { boundObjectRef: ref, audiences = [] } = (request.object as unknown as TokenRequest).spec;
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || (ref.name ?? '') === '')
    throw refuse(request, 'node requested token not bound to a pod');
  if ((ref.uid ?? '') === '') throw refuse(request, 'node requested token with a pod binding without a uid');
  const pods = parts.registry.get('v1', 'pods');
  const pod = pods.cache.get(`${request.namespace}/${ref.name}`)?.decode() as Pod | undefined;
  if (pod === undefined) throw notFound(pods.about, ref.name ?? '');
  if (ref.uid !== pod.metadata.uid)
    throw refuse(
      request,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (pod.spec.nodeName !== node) throw refuse(request, 'node requested token bound to a pod scheduled on a different node');
  if (audiences.length > 1) throw refuse(request, 'node may only request 0 or 1 audiences');
  const [audience = ''] = audiences;
  if (audiencesOf(pod, parts).has(audience) || mayAsk(request, audience, parts)) return;
  throw refuse(request, `audience ${JSON.stringify(audience)} not found in pod spec volume`);
}

/** "": the API server itself. */
function audiencesOf(pod: Pod, { registry }: PluginParts): ReadonlySet<string> {
  const drivers = registry.get('storage.k8s.io/v1', 'csidrivers').cache;
  const out = new Set<string>();
  const addDriver = (name: string | undefined): void => {
    const driver = drivers.get(name ?? '')?.decode() as
      | { readonly spec?: { readonly tokenRequests?: readonly { readonly audience?: string }[] } }
      | undefined;
    for (const { audience = '' } of driver?.spec?.tokenRequests ?? []) out.add(audience);
  };
  for (const volume of pod.spec.volumes ?? []) {
    for (const { serviceAccountToken } of volume.projected?.sources ?? []) {
      if (serviceAccountToken !== undefined) out.add(serviceAccountToken.audience ?? '');
    }
    addDriver(volume.csi?.driver);
    const claim = volume.ephemeral === undefined ? volume.persistentVolumeClaim?.claimName : `${pod.metadata.name}-${volume.name}`;
    if (claim !== undefined) addDriver(driverOfClaim(`${pod.metadata.namespace}/${claim}`, registry));
  }
  return out;
}

function driverOfClaim(key: string, registry: PluginParts['registry']): string | undefined {
  const claim = registry.get('v1', 'persistentvolumeclaims').cache.get(key)?.decode() as PersistentVolumeClaim | undefined;
  const name = claim?.spec?.volumeName;
  if (name === undefined) return undefined;
  const volume = registry.get('v1', 'persistentvolumes').cache.get(name)?.decode() as PersistentVolume | undefined;
  return (volume?.spec as { readonly csi?: { readonly driver?: string } } | undefined)?.csi?.driver;
}

/** For audiences that no pod names, such as those of image credential providers. */
function mayAsk({ user, namespace, name }: AdmissionRequest, audience: string, { authorizer }: PluginParts): boolean {
  const verb = 'request-serviceaccounts-token-audience';
  const asked = { user, verb, isResource: true, group: '', version: 'v1', resource: audience, subresource: '', namespace, name, path: '' };
  return authorizer.authorize(asked).decision === 'allow';
}
