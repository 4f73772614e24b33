/** How changes of pods and nodes find the services they matter to: by indexes, not by looking at all. */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { keyOf } from '#client/watch.ts';
import type { Informer } from '#client/informer.ts';
import type { ControllerDeps, Source } from '../controller.ts';
import { NODES, PODS, SERVICES } from '../../component/kinds.ts';
import { isSameForEndpoints, selects } from './pods.ts';

const byNamespace = ({ metadata }: { readonly metadata: { readonly namespace?: string | undefined } }): readonly string[] => [
  metadata.namespace ?? '',
];
const byNode = ({ spec }: Pod): readonly string[] => (spec.nodeName === undefined ? [] : [spec.nodeName]);

export const BY_NAMESPACE: Readonly<Record<'namespace', typeof byNamespace>> = { namespace: byNamespace };
export const BY_NODE: Readonly<Record<'node', typeof byNode>> = { node: byNode };

export interface ServicePods {
  readonly services: Informer<Service>;
  readonly pods: Informer<Pod>;
  /** The pods that a service selects. */
  behind(service: Service): readonly Pod[];
  /** Pods ring the services that select them, before or after the change. */
  readonly podSource: Source;
}

export function servicePods({ informers }: Pick<ControllerDeps, 'informers'>): ServicePods {
  const services = informers.for(SERVICES, { indexes: BY_NAMESPACE });
  const pods = informers.for(PODS, { indexes: { ...BY_NAMESPACE, ...BY_NODE } });
  const selecting = (pod: Pod): readonly Service[] =>
    services.by('namespace', pod.metadata.namespace ?? '').filter((service) => selects(service, pod));
  return {
    services,
    pods,
    behind: (service) => pods.by('namespace', service.metadata.namespace ?? '').filter((pod) => selects(service, pod)),
    podSource: {
      informer: pods,
      onKeys: (ring) =>
        void pods.onChange(({ before, after }) => {
          if (isSameForEndpoints(before, after)) return;
          for (const pod of [before, after]) for (const service of pod === undefined ? [] : selecting(pod)) ring(keyOf(service));
        }),
    },
  };
}

/** Nodes ring the services of their pods when they come, go or change their zone. */
export function nodeSource(nodes: Informer<Node>, { pods, services }: ServicePods): Source {
  return {
    informer: nodes,
    onKeys: (ring) =>
      void nodes.onChange(({ key, before, after }) => {
        if (before !== undefined && after !== undefined && zoneOf(before) === zoneOf(after)) return;
        const found = new Set<Service>();
        for (const pod of pods.by('node', key))
          for (const service of services.by('namespace', pod.metadata.namespace ?? '')) if (selects(service, pod)) found.add(service);
        for (const service of found) ring(keyOf(service));
      }),
  };
}

export const zoneOf = ({ metadata }: Node): string | undefined => metadata.labels?.['topology.kubernetes.io/zone'];
export const nodesOf = ({ informers }: Pick<ControllerDeps, 'informers'>): Informer<Node> => informers.for(NODES);
