/** For tests: a role with these rules and who has it, as objects. */
import type { Put } from './registry.ts';

const API = 'rbac.authorization.k8s.io';

/** namespace "": in the whole cluster. subject: "User alice", "Group devs". */
export function grant(name: string, subject: string, rules: readonly object[], namespace = ''): readonly Put[] {
  const [kind = '', who = ''] = subject.split(' ');
  const prefix = namespace === '' ? 'cluster' : '';
  const metadata = { name, ...(namespace === '' ? {} : { namespace }) };
  return [
    [`${API}/v1`, `${prefix}roles`, { metadata, rules }],
    [
      `${API}/v1`,
      `${prefix}rolebindings`,
      {
        metadata,
        roleRef: { apiGroup: API, kind: namespace === '' ? 'ClusterRole' : 'Role', name },
        subjects: [{ kind, apiGroup: API, name: who }],
      },
    ],
  ];
}

export const rule = (verbs: string, apiGroup: string, resources: string, names?: string): object => ({
  verbs: verbs.split(' '),
  apiGroups: [apiGroup],
  resources: resources.split(' '),
  ...(names === undefined ? {} : { resourceNames: names.split(' ') }),
});
