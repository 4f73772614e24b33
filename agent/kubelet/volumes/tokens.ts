/** Which tokens the projected volumes of a pod want, and those tokens fetched. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ServiceAccountTokenProjection } from '#api/kinds/core/volumes.ts';
import { AppError } from '#base/errors.ts';
import type { TokenSource } from '../objects/source.ts';
import { podName } from '../paths.ts';

/** The default of the API. */
const HOUR_S = 3_600;

export function tokenKey({ audience = '', expirationSeconds = HOUR_S }: ServiceAccountTokenProjection): string {
  return `${expirationSeconds} ${audience}`;
}

function wanted(pod: Pod): ServiceAccountTokenProjection[] {
  return (pod.spec.volumes ?? []).flatMap((v) => (v.projected?.sources ?? []).flatMap((s) => s.serviceAccountToken ?? []));
}

/** By tokenKey. */
export async function fetchTokens(pod: Pod, source: TokenSource | undefined, signal: AbortSignal): Promise<Map<string, string>> {
  const { namespace, name, uid } = podName(pod);
  const byKey = new Map(wanted(pod).map((w) => [tokenKey(w), w]));
  if (byKey.size > 0 && source === undefined)
    throw new AppError('OBJECT_UNREADABLE', 'Cannot get a service account token without an API server: pass --kubeconfig');
  const fetched = await Promise.all(
    [...byKey].map(async ([key, { audience, expirationSeconds = HOUR_S }]): Promise<[string, string] | undefined> => {
      const serviceAccount = pod.spec.serviceAccountName ?? 'default';
      const made = await source?.token({ namespace, serviceAccount, audience, expirationSeconds, pod: { name, uid } }, signal);
      return made === undefined ? undefined : [key, made.token];
    }),
  );
  return new Map(fetched.filter((entry) => entry !== undefined));
}
