/**
 * Pod templates: whether two say the same, a short name for what one says, and the pods made from them. Pure.
 * Differs: upstream hashes the memory of its Go structs; the name is ours to choose, and any stable one serves. Its letters are upstream's,
 * which no word is made of.
 */
import { createHash } from 'node:crypto';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceType } from '#client/query.ts';
import { asPrefix, dns1123Subdomain } from '#api/names.ts';
import { controllerReference } from './owners.ts';

const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 10;

/** DNS-safe. collisionCount: how often the name was taken by something else. */
export function hashOf(value: unknown, collisionCount = 0): string {
  const digest = createHash('sha256')
    .update(canonical(value))
    .update(collisionCount === 0 ? '' : `\n${collisionCount}`)
    .digest();
  return [...digest.subarray(0, LENGTH)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** A text that is the same for what says the same: keys in order, nothing that is absent. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value as Readonly<Record<string, unknown>>).filter(([, v]) => v !== undefined && v !== null);
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`)
    .join(',')}}`;
}

/** without: a label that only one of the two carries. */
export function saysTheSame(a: PodTemplateSpec, b: PodTemplateSpec, without: string): boolean {
  return canonical(withoutLabel(a, without)) === canonical(withoutLabel(b, without));
}

function withoutLabel({ metadata, ...rest }: PodTemplateSpec, label: string): unknown {
  const { labels, ...others } = metadata;
  const { [label]: _, ...left } = labels ?? {};
  // A template without a label left is one that never had any.
  return { ...rest, metadata: { ...others, ...(Object.keys(left).length === 0 ? {} : { labels: left }) } };
}

export interface Owned {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/** A pod as its template says, that belongs to its owner. */
export function podFrom(template: PodTemplateSpec, { type, object }: Owned): Pod {
  const { labels, annotations, finalizers } = template.metadata;
  const { name = '', namespace } = object.metadata;
  return {
    metadata: {
      generateName: asPrefix(dns1123Subdomain)(`${name}-`).length === 0 ? `${name}-` : name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(type, object)],
    },
    spec: template.spec,
  };
}
