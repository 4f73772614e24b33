/** The roles and bindings every cluster starts with, as objects of the API. Pure. */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '#api/kinds/rbac/v1.ts';
import { CLUSTER_ROLES } from './clusterRoles.ts';
import { CONTROLLER_ROLES } from './controllerRoles.ts';
import { can, READ, WRITES_EVENTS, type RolePolicy } from './policy.ts';

const API = 'rbac.authorization.k8s.io';
const AUTOUPDATE = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

const meta = (
  name: string,
  labels?: Readonly<Record<string, string>>,
): { readonly name: string; readonly labels: Record<string, string>; readonly annotations: Record<string, string> } => ({
  name,
  labels: { ...LABELS, ...labels },
  annotations: AUTOUPDATE,
});

export function bootstrapClusterRoles(): readonly ClusterRole[] {
  const all = [...CLUSTER_ROLES, ...CONTROLLER_ROLES];
  return all.map((role) => {
    const base = { apiVersion: `${API}/v1`, kind: 'ClusterRole', metadata: meta(role.name, role.labels) };
    if (role.aggregates === undefined) return { ...base, rules: role.rules };
    const matchLabels = { [`${API}/aggregate-to-${role.aggregates}`]: 'true' };
    return { ...base, rules: aggregated(role.aggregates, all), aggregationRule: { clusterRoleSelectors: [{ matchLabels }] } };
  });
}

/** What the aggregation controller will say, so that the roles hold before it runs. */
function aggregated(to: string, all: readonly RolePolicy[]): readonly PolicyRule[] {
  const parts = all.filter((role) => role.labels?.[`${API}/aggregate-to-${to}`] === 'true');
  return parts.flatMap((role) => (role.aggregates === undefined ? role.rules : aggregated(role.aggregates, all)));
}

const group = (name: string): Subject => ({ kind: 'Group', apiGroup: API, name });
const user = (name: string): Subject => ({ kind: 'User', apiGroup: API, name });
const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

const EVERYBODY = [group('system:authenticated'), group('system:unauthenticated')];
/** system:node is bound to nobody: the Node authorizer does better. */
const BOUND: readonly (readonly [role: string, subjects: readonly Subject[]])[] = [
  ['cluster-admin', [group('system:masters')]],
  ['system:basic-user', [group('system:authenticated')]],
  ['system:discovery', [group('system:authenticated')]],
  ['system:public-info-viewer', EVERYBODY],
  ['system:monitoring', [group('system:monitoring')]],
  ['system:node', []],
  ['system:node-proxier', [user('system:kube-proxy')]],
  ['system:kube-controller-manager', [user('system:kube-controller-manager')]],
  ['system:kube-dns', [account('kube-dns')]],
  ['system:kube-scheduler', [user('system:kube-scheduler')]],
  ['system:volume-scheduler', [user('system:kube-scheduler')]],
  ['system:service-account-issuer-discovery', [group('system:serviceaccounts')]],
];

export function bootstrapClusterRoleBindings(): readonly ClusterRoleBinding[] {
  const controllers = CONTROLLER_ROLES.map(({ name }) => [name, [account(name.replace('system:controller:', ''))]] as const);
  return [...BOUND, ...controllers].map(([name, subjects]) => ({
    apiVersion: `${API}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: meta(name),
    roleRef: { apiGroup: API, kind: 'ClusterRole', name },
    subjects,
  }));
}

const LOCKS = [
  can('create get list update watch', 'coordination.k8s.io', 'leases'),
  can('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
];
const IN_NAMESPACES: readonly (readonly [namespace: string, name: string, rules: readonly PolicyRule[]])[] = [
  [
    'kube-public',
    'system:controller:bootstrap-signer',
    [can(READ, '', 'configmaps'), can('update', '', 'configmaps', 'cluster-info'), WRITES_EVENTS],
  ],
  ['kube-system', 'extension-apiserver-authentication-reader', [can(READ, '', 'configmaps', 'extension-apiserver-authentication')]],
  ['kube-system', 'system::leader-locking-kube-controller-manager', LOCKS],
  ['kube-system', 'system::leader-locking-kube-scheduler', LOCKS],
  ['kube-system', 'system:controller:bootstrap-signer', [can(READ, '', 'secrets')]],
  ['kube-system', 'system:controller:cloud-provider', [can('create get list watch', '', 'configmaps')]],
  ['kube-system', 'system:controller:token-cleaner', [can('delete get list watch', '', 'secrets'), WRITES_EVENTS]],
];

export function bootstrapRoles(): readonly Role[] {
  return IN_NAMESPACES.map(([namespace, name, rules]) => ({
    apiVersion: `${API}/v1`,
    kind: 'Role',
    metadata: { ...meta(name), namespace },
    rules,
  }));
}

const MANAGER = [user('system:kube-controller-manager'), account('kube-controller-manager'), account('leader-election-controller')];
const SCHEDULER = [user('system:kube-scheduler'), account('kube-scheduler')];
const BOUND_IN: readonly (readonly [namespace: string, name: string, role: string, subjects: readonly Subject[]])[] = [
  ['kube-public', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]],
  [
    'kube-system',
    'system::extension-apiserver-authentication-reader',
    'extension-apiserver-authentication-reader',
    [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  ],
  ['kube-system', 'system::leader-locking-kube-controller-manager', 'system::leader-locking-kube-controller-manager', MANAGER],
  ['kube-system', 'system::leader-locking-kube-scheduler', 'system::leader-locking-kube-scheduler', SCHEDULER],
  ['kube-system', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', [account('bootstrap-signer')]],
  ['kube-system', 'system:controller:cloud-provider', 'system:controller:cloud-provider', [account('cloud-provider')]],
  ['kube-system', 'system:controller:token-cleaner', 'system:controller:token-cleaner', [account('token-cleaner')]],
];

export function bootstrapRoleBindings(): readonly RoleBinding[] {
  return BOUND_IN.map(([namespace, name, role, subjects]) => ({
    apiVersion: `${API}/v1`,
    kind: 'RoleBinding',
    metadata: { ...meta(name), namespace },
    roleRef: { apiGroup: API, kind: 'Role', name: role },
    subjects,
  }));
}
