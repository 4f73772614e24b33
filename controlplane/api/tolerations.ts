/**
 * Which taints a pod bears. Pure.
 * Source: "Taints and Tolerations" in the Kubernetes docs; Lt and Gt: KEP-5471 (the number of the taint against that of the toleration).
 */
import type { Taint, TaintEffect, Toleration } from '#api/kinds/core/scheduling.ts';

/** Effects that keep a pod from a node. */
export const HARD_EFFECTS: readonly TaintEffect[] = ['NoSchedule', 'NoExecute'];

export function tolerates({ key = '', operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  switch (operator) {
    case 'Exists':
      return true;
    case 'Equal':
      return key !== '' && value === (taint.value ?? '');
    case 'Lt':
      return compared(taint.value, value, (a, b) => a < b);
    case 'Gt':
      return compared(taint.value, value, (a, b) => a > b);
    default:
      return false;
  }
}

/** The first taint with one of these effects that nothing tolerates. */
export function untolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly TaintEffect[] = HARD_EFFECTS,
): Taint | undefined {
  return taints?.find((taint) => effects.includes(taint.effect) && tolerations?.some((t) => tolerates(t, taint)) !== true);
}

function compared(taint: string | undefined, bound: string, holds: (a: bigint, b: bigint) => boolean): boolean {
  const whole = /^-?[0-9]+$/;
  return taint !== undefined && whole.test(taint) && whole.test(bound) && holds(BigInt(taint), BigInt(bound));
}
