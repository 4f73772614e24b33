/** The ports of a node that a pod takes for itself, and whether two pods want the same. Pure. */
import type { PodSpec } from '#api/kinds/core/pod.ts';

export interface HostPort {
  /** Empty: all addresses. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Of containers and sidecars; with the network of the host each port of a container is one. */
export function hostPorts(spec: Pick<PodSpec, 'containers' | 'initContainers' | 'hostNetwork'>): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  return [...sidecars, ...(spec.containers ?? [])].flatMap((c) =>
    (c.ports ?? [])
      .map((p) => ({
        ip: p.hostIP ?? '',
        protocol: p.protocol ?? 'TCP',
        port: p.hostPort ?? (spec.hostNetwork === true ? p.containerPort : 0),
      }))
      .filter((p) => p.port > 0),
  );
}

export function portsClash(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || isAny(a.ip) || isAny(b.ip));
}

const isAny = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::';
