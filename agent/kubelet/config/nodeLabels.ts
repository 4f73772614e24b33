/** The labels of --node-labels. Pure. Throws: FLAG_INVALID, with everything that is wrong. */
import { labelValue, qualifiedName } from '#api/names.ts';
import { isKubeletLabel, KUBELET_LABEL_DOMAINS, KUBELET_LABELS } from '#api/nodeLabels.ts';
import { AppError } from '#base/errors.ts';

export function nodeLabelsOf(text: string | undefined): Record<string, string> {
  const labels: Record<string, string> = {};
  const problems: string[] = [];
  for (const part of (text ?? '').split(',').filter((p) => p.trim() !== '')) {
    const [key = '', value, ...more] = part.split('=').map((p) => p.trim());
    if (value === undefined || more.length > 0) problems.push(`${JSON.stringify(part)}: want KEY=VALUE`);
    else {
      problems.push(...qualifiedName(key).map((problem) => `${JSON.stringify(key)}: ${problem}`));
      problems.push(...labelValue(value).map((problem) => `value of ${key}: ${problem}`));
      if (!isKubeletLabel(key))
        problems.push(
          `${key}: of the labels under kubernetes.io and k8s.io only those under ${KUBELET_LABEL_DOMAINS.join(' and ')} and ${[...KUBELET_LABELS].join(', ')} may be set`,
        );
      labels[key] = value;
    }
  }
  if (problems.length > 0) throw new AppError('FLAG_INVALID', `--node-labels: ${problems.join('; ')}`);
  return labels;
}
