/**
 * A short way to write roles: "get list watch" on "pods services" in group "apps".
 * The names and permissions in this folder are upstream's (Kubernetes 1.36), because manifests and clients count on them. Pure.
 */
import type { PolicyRule } from '#api/kinds/rbac/v1.ts';

export interface RolePolicy {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Made of all roles with this label. */
  readonly aggregates?: string;
}

const words = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

/** groups: "" alone is the core group; "core" stands for it among others. */
export function can(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  const apiGroups = groups === '' ? [''] : words(groups).map((group) => (group === 'core' ? '' : group));
  return {
    verbs: words(verbs),
    apiGroups,
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

export const canVisit = (verbs: string, paths: string): PolicyRule => ({ verbs: words(verbs), nonResourceURLs: words(paths) });

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const READ_UPDATE = 'get list patch update watch';
export const WRITES_EVENTS = can('create patch update', 'core events.k8s.io', 'events');
