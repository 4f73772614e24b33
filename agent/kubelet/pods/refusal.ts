/** What this node cannot give a pod, whatever its manifest says: the pod is Failed then. Pure. Reasons and messages are upstream's. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeFeatures } from '../runtime/cri.ts';
import type { Rejection } from './admit.ts';
import type { NodeContext } from './config.ts';
import { appArmorRefusal } from './security.ts';
import { sysctlRefusal } from './sysctls.ts';

export function nodeRefusal(
  pod: Pod,
  { security, allowedUnsafeSysctls }: Pick<NodeContext, 'security' | 'allowedUnsafeSysctls'>,
  features: RuntimeFeatures,
): Rejection | undefined {
  return sysctlRefusal(pod, allowedUnsafeSysctls) ?? appArmorRefusal(pod, security) ?? groupsRefusal(pod, features);
}

/** A runtime that does not know the policy would give the image's groups too, silently. */
function groupsRefusal(pod: Pod, { supplementalGroupsPolicy }: RuntimeFeatures): Rejection | undefined {
  if (pod.spec.securityContext?.supplementalGroupsPolicy !== 'Strict' || supplementalGroupsPolicy) return undefined;
  return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' };
}
