/** The tables of rbac and certificates. Pure. Source: the columns of Kubernetes 1.36. */
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ClusterRoleBinding, RoleBinding } from '#api/kinds/rbac/v1.ts';
import { humanDuration } from '#api/print/age.ts';
import { NONE, orNone } from '#api/print/cells.ts';
import { age, name, text, wide, type Column } from '#api/print/column.ts';

/** Kinds without columns of their own. */
export const plain: readonly Column[] = [
  name,
  {
    heading: { name: 'Created At', type: 'date', format: '', description: 'When the object was created', priority: 0 },
    cell: ({ metadata }: KubeObject) => metadata.creationTimestamp ?? '',
  },
];

type Binding = Pick<RoleBinding & ClusterRoleBinding, 'metadata' | 'roleRef' | 'subjects'>;

function subjects(kind: string): (binding: Binding) => string {
  return (binding) =>
    (binding.subjects ?? [])
      .filter((s) => s.kind === kind)
      .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
      .join(', ');
}

export const roleBinding: readonly Column<Binding>[] = [
  name,
  text('Role', 'What is given', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  age,
  wide(text('Users', 'Users it is given to', subjects('User'))),
  wide(text('Groups', 'Groups it is given to', subjects('Group'))),
  wide(text('ServiceAccounts', 'Service accounts it is given to', subjects('ServiceAccount'))),
];

export const certificateSigningRequest: readonly Column<CertificateSigningRequest>[] = [
  name,
  age,
  text('SignerName', 'Who shall sign it', ({ spec }) => orNone(spec.signerName)),
  text('Requestor', 'Who asks', ({ spec }) => spec.username ?? ''),
  text('RequestedDuration', 'How long it shall be good', ({ spec }) =>
    spec.expirationSeconds === undefined ? NONE : humanDuration(spec.expirationSeconds * 1_000),
  ),
  text('Condition', 'What was decided', ({ status }) => {
    const is = (type: string): boolean => status?.conditions?.some((c) => c.type === type) === true;
    const decision = is('Denied') ? 'Denied' : is('Approved') ? 'Approved' : 'Pending';
    return `${decision}${is('Failed') ? ',Failed' : ''}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`;
  }),
];
