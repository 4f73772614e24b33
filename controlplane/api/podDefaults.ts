/**
 * The defaults that a pod gets and a pod template does not. In place; pure otherwise.
 * Source: the defaulting of Pod in Kubernetes 1.36.
 */
import { containersTotal } from '#api/podResources.ts';
import type { Draft } from '#api/schema.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';

export function defaultPod(spec: Draft<PodSpec>): void {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const container of containers) {
    defaultRequests(container);
    if (spec.hostNetwork === true) defaultHostPorts(container);
  }
  if (spec.resources !== undefined) defaultPodRequests(spec, spec.resources);
  spec.enableServiceLinks ??= true;
}

/** What has a limit and no request requests its limit. */
function defaultRequests({ resources }: Draft<Container>): void {
  if (resources?.limits === undefined) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

/** In the host's network a container's port is the host's port. */
function defaultHostPorts({ ports }: Draft<Container>): void {
  for (const port of ports ?? []) if (port.hostPort === undefined || port.hostPort === 0) port.hostPort = port.containerPort;
}

const POD_LEVEL = /^(cpu|memory|hugepages-.*)$/;

function defaultPodRequests(spec: Draft<PodSpec>, resources: NonNullable<Draft<PodSpec>['resources']>): void {
  if (Object.keys(resources.limits ?? {}).length === 0) return;
  const fromContainers = Object.entries(containersTotal(spec, 'requests')).filter(([name]) => POD_LEVEL.test(name));
  const fromLimits = Object.entries(resources.limits ?? {}).filter(([name]) => POD_LEVEL.test(name));
  const requests = { ...Object.fromEntries(fromLimits), ...Object.fromEntries(fromContainers), ...resources.requests };
  if (Object.keys(requests).length > 0) resources.requests = requests;
}
