/** Services, EndpointSlices and, where names of pods are verified, pods: followed by informers, put into the index. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Logger } from '#base/log.ts';
import type { Informer } from '#client/informer.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/rest.ts';
import { ENDPOINT_SLICES, PODS, SERVICE_NAME_LABEL, SERVICES } from '../component/kinds.ts';
import type { PodsMode } from './answer.ts';
import type { ClusterIndex } from './index.ts';

/** When the controller of a slice says the pod or service changed. */
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

export interface SourceOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly index: ClusterIndex;
  readonly pods: PodsMode;
  /** A slice of a headless service is in the index; triggeredAt: an RFC 3339 time. */
  readonly onProgrammed: (triggeredAt: string) => void;
}

export function clusterSource({ client, log, index, pods, onProgrammed }: SourceOptions): Pick<Informers, 'run' | 'synced'> {
  const informers = new Informers(client, log);
  follow(informers.for(SERVICES, { transform: slim }), (key, object) => index.setService(key, object));
  follow(informers.for(ENDPOINT_SLICES, { transform: slim }), (key, object) => {
    index.setSlice(key, object);
    const triggeredAt = object?.metadata.annotations?.[TRIGGER];
    const service = `${object?.metadata.namespace}/${object?.metadata.labels?.[SERVICE_NAME_LABEL]}`;
    if (triggeredAt !== undefined && index.service(service)?.kind === 'headless') onProgrammed(triggeredAt);
  });
  if (pods === 'verified') {
    // What DNS needs of a pod is its addresses; the rest of it would be most of the memory of this program.
    const bare = ({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, status }: Pod): Pod =>
      ({
        apiVersion,
        kind,
        metadata: { name, namespace, uid, resourceVersion },
        spec: {},
        status: { phase: status?.phase, podIP: status?.podIP, podIPs: status?.podIPs },
      }) as Pod;
    follow(informers.for(PODS, { transform: bare }), (key, object) => index.setPod(key, object));
  }
  return informers;
}

function follow<T extends KubeObject>(informer: Informer<T>, put: (key: string, object: T | undefined) => void): void {
  informer.onChange(({ key, after }) => put(key, after));
}

/** Nobody here asks who wrote a field. */
function slim<T extends KubeObject>(object: T): T {
  delete (object.metadata as { managedFields?: unknown }).managedFields;
  return object;
}
