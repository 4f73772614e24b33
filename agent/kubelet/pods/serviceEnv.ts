/**
 * Variables that tell a container where services are. Pure.
 * The service kubernetes is told to every pod; those of its own namespace unless enableServiceLinks is false.
 * Source: "Accessing the Service: environment variables" in the Kubernetes docs, with the names that Docker's links had.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { podName } from '../paths.ts';

/** What is needed of a service; an informer keeps no more. */
export type LinkedService = Pick<Service, 'metadata' | 'spec'>;

const MASTER_NAMESPACE = 'default';
const MASTER_NAME = 'kubernetes';

export function serviceEnvironment(pod: Pod, services: Iterable<LinkedService>): Map<string, string> {
  const { namespace } = podName(pod);
  const chosen = new Map<string, LinkedService>();
  for (const service of services) {
    const { name = '', namespace: of } = service.metadata;
    const ip = service.spec?.clusterIP ?? '';
    if (ip === '' || ip === 'None') continue;
    const isMaster = of === MASTER_NAMESPACE && name === MASTER_NAME;
    // A service of the pod's own namespace wins over the master's of that name.
    if (of === namespace && pod.spec.enableServiceLinks !== false) chosen.set(name, service);
    else if (isMaster && !chosen.has(name)) chosen.set(name, service);
  }
  return new Map(
    [...chosen.values()].toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)).flatMap(variablesOf),
  );
}

function variablesOf({ metadata, spec }: LinkedService): [string, string][] {
  const prefix = variableName(metadata.name ?? '');
  const ip = spec?.clusterIP ?? '';
  const ports = spec?.ports ?? [];
  const [first] = ports;
  if (first === undefined) return [];
  const url = (protocol: string, port: number): string => `${protocol.toLowerCase()}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
  const protocolOf = (p: (typeof ports)[number]): string => p.protocol ?? 'TCP';
  return [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...ports.flatMap((p): [string, string][] =>
      p.name === undefined || p.name === '' ? [] : [[`${prefix}_SERVICE_PORT_${variableName(p.name)}`, String(p.port)]],
    ),
    [`${prefix}_PORT`, url(protocolOf(first), first.port)],
    ...ports.flatMap((p): [string, string][] => {
      const at = `${prefix}_PORT_${p.port}_${protocolOf(p).toUpperCase()}`;
      return [
        [at, url(protocolOf(p), p.port)],
        [`${at}_PROTO`, protocolOf(p).toLowerCase()],
        [`${at}_PORT`, String(p.port)],
        [`${at}_ADDR`, ip],
      ];
    }),
  ];
}

const variableName = (name: string): string => name.toUpperCase().replaceAll('-', '_');
