/** The line that `systemctl status kube-apiserver` shows: where it is, what it holds, who follows, and whether its store answers. Pure. */
import { count } from '#base/statusTeller.ts';

export interface StatusFacts {
  /** "0.0.0.0:6443" */
  readonly where: string;
  readonly cache: {
    readonly isFollowing: boolean;
    readonly revision: number;
    resources(): Iterable<{ readonly size: number; readonly watchers: { readonly size: number } }>;
  };
}

export function statusLine({ where, cache }: StatusFacts): string {
  const resources = [...cache.resources()];
  const sum = (of: (resource: (typeof resources)[number]) => number): number => resources.reduce((all, one) => all + of(one), 0);
  const objects = sum(({ size }) => size);
  const watches = sum(({ watchers }) => watchers.size);
  return [
    ...(cache.isFollowing ? [] : ['the watch of the store is down']),
    `listening on ${where}`,
    count(objects, 'object'),
    count(watches, 'watch', 'watches'),
    `revision ${cache.revision}`,
  ].join(', ');
}
