/** The tables of nodes, namespaces, events, configuration and quotas. Pure. Source: the columns of Kubernetes 1.36. */
import type { Lease } from '#api/kinds/coordination/v1.ts';
import type { ComponentStatus } from '#api/kinds/core/componentStatus.ts';
import type { ConfigMap, Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { PodTemplate } from '#api/kinds/core/pod.ts';
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import { containerColumns, labelsText, NONE, orNone } from '#api/print/cells.ts';
import { age, name, text, wide, type Column } from '#api/print/column.ts';

const UNKNOWN = '<unknown>';
const orUnknown = (value: string | undefined): string => (value === undefined || value === '' ? UNKNOWN : value);

export const node: readonly Column<Node>[] = [
  name,
  text('Status', 'Whether it is ready', nodeStatus),
  text('Roles', 'What it is for', nodeRoles),
  age,
  text('Version', 'Version of its kubelet', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  wide(text('Internal-IP', 'Address inside the cluster', (n) => addressOf(n, 'InternalIP'))),
  wide(text('External-IP', 'Address outside the cluster', (n) => addressOf(n, 'ExternalIP'))),
  wide(text('OS-Image', 'Its operating system', ({ status }) => orUnknown(status?.nodeInfo?.osImage))),
  wide(text('Kernel-Version', 'Its kernel', ({ status }) => orUnknown(status?.nodeInfo?.kernelVersion))),
  wide(text('Container-Runtime', 'Its container runtime', ({ status }) => orUnknown(status?.nodeInfo?.containerRuntimeVersion))),
];

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find((c) => c.type === 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles({ metadata: { labels = {} } }: Node): string {
  const roles = Object.keys(labels).flatMap((key) => {
    if (key.startsWith(ROLE_PREFIX)) return [key.slice(ROLE_PREFIX.length)];
    return key === 'kubernetes.io/role' ? [labels[key] ?? ''] : [];
  });
  return orNone(
    [...new Set(roles)]
      .filter((role) => role !== '')
      .toSorted()
      .join(','),
  );
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}

export const namespace: readonly Column<Namespace>[] = [
  name,
  text('Status', 'Active, or being removed', ({ status }) => status?.phase ?? ''),
  age,
];

export const configMap: readonly Column<ConfigMap>[] = [
  name,
  text('Data', 'How many entries it has', (c) => Object.keys(c.data ?? {}).length + Object.keys(c.binaryData ?? {}).length),
  age,
];

export const secret: readonly Column<Secret>[] = [
  name,
  text('Type', 'What it is for', (s) => s.type ?? ''),
  text('Data', 'How many entries it has', (s) => Object.keys(s.data ?? {}).length),
  age,
];

export const serviceAccount: readonly Column<ServiceAccount>[] = [
  name,
  text('Secrets', 'How many secrets it names', (s) => s.secrets?.length ?? 0),
  age,
];

export const podTemplate: readonly Column<PodTemplate>[] = [
  name,
  ...containerColumns<PodTemplate>((p) => p.template?.spec?.containers).map(({ heading, cell }) => ({
    heading: { ...heading, priority: 0 },
    cell,
  })),
  text('Pod Labels', 'Labels of its pods', (p) => labelsText(p.template?.metadata?.labels)),
];

export const resourceQuota: readonly Column<ResourceQuota>[] = [
  name,
  text('Request', 'What is used and what may be used, but for limits', (q) => quotaText(q, (resource) => !resource.startsWith('limits.'))),
  text('Limit', 'The same for limits', (q) => quotaText(q, (resource) => resource.startsWith('limits.'))),
  age,
];

function quotaText({ status }: ResourceQuota, isShown: (resource: string) => boolean): string {
  const hard = status?.hard ?? {};
  return Object.keys(hard)
    .filter(isShown)
    .toSorted()
    .map((resource) => `${resource}: ${status?.used?.[resource] ?? '0'}/${hard[resource] ?? '0'}`)
    .join(', ');
}

export const componentStatus: readonly Column<ComponentStatus>[] = [
  name,
  text('Status', 'Whether it is healthy', (c) => {
    const found = healthOf(c);
    return found === undefined ? 'Unknown' : found.status === 'True' ? 'Healthy' : 'Unhealthy';
  }),
  text('Message', 'What it says', (c) => healthOf(c)?.message ?? ''),
  text('Error', 'What went wrong', (c) => healthOf(c)?.error ?? ''),
];

const healthOf = ({ conditions }: ComponentStatus): NonNullable<ComponentStatus['conditions']>[number] | undefined =>
  conditions?.find((c) => c.type === 'Healthy');

export const lease: readonly Column<Lease>[] = [name, text('Holder', 'Who holds it', ({ spec }) => spec?.holderIdentity ?? ''), age];

export const runtimeClass: readonly Column<RuntimeClass>[] = [
  name,
  text('Handler', 'Name of its configuration in the container runtime', (r) => r.handler),
  age,
];
