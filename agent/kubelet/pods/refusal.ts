/** What this node cannot give a pod, whatever its manifest says. Pure. Throws: AppError POD_REFUSED in upstream's words. */
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';
import type { NodeContext } from './config.ts';
import { appArmorRefusal } from './security.ts';
import { sysctlRefusal } from './sysctls.ts';

export function checkRefusal(pod: Pod, { security, allowedUnsafeSysctls }: Pick<NodeContext, 'security' | 'allowedUnsafeSysctls'>): void {
  const refusal = sysctlRefusal(pod, allowedUnsafeSysctls) ?? appArmorRefusal(pod, security);
  if (refusal !== undefined) throw new AppError('POD_REFUSED', refusal.message, { reason: refusal.reason });
}
