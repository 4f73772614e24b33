/**
 * The labels of --node-labels. Pure. Throws: FLAG_INVALID, with everything that is wrong.
 * Source: the labels of kubernetes.io and k8s.io that upstream's kubelet lets people set; what others could be fooled by is not among them.
 */
import { labelValue, qualifiedName } from '#api/names.ts';
import { AppError } from '#base/errors.ts';

const ALLOWED = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const ALLOWED_PREFIXES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

export function nodeLabelsOf(text: string | undefined): Record<string, string> {
  const labels: Record<string, string> = {};
  const problems: string[] = [];
  for (const part of (text ?? '').split(',').filter((p) => p.trim() !== '')) {
    const [key = '', value, ...more] = part.split('=').map((p) => p.trim());
    if (value === undefined || more.length > 0) problems.push(`${JSON.stringify(part)}: want KEY=VALUE`);
    else {
      problems.push(...qualifiedName(key).map((problem) => `${JSON.stringify(key)}: ${problem}`));
      problems.push(...labelValue(value).map((problem) => `value of ${key}: ${problem}`));
      if (!isAllowed(key))
        problems.push(
          `${key}: of the labels under kubernetes.io and k8s.io only those under ${ALLOWED_PREFIXES.join(' and ')} and ${[...ALLOWED].join(', ')} may be set`,
        );
      labels[key] = value;
    }
  }
  if (problems.length > 0) throw new AppError('FLAG_INVALID', `--node-labels: ${problems.join('; ')}`);
  return labels;
}

function isAllowed(key: string): boolean {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? '' : key.slice(0, slash);
  const within = (domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);
  return (!within('kubernetes.io') && !within('k8s.io')) || ALLOWED.has(key) || ALLOWED_PREFIXES.some(within);
}
