/**
 * The files of volumes that are made from objects and from the pod itself: configMap, secret, downwardAPI, projected. Pure.
 *
 * Throws: AppError OBJECT_NOT_FOUND, OBJECT_KEY_MISSING in upstream's words; the pod waits then (FailedMount).
 * Source: "Configure a Pod to Use a ConfigMap", "Projected Volumes" in the Kubernetes docs.
 */
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { DownwardAPIVolumeFile, KeyToPath, Volume } from '#api/kinds/core/volumes.ts';
import { AppError } from '#base/errors.ts';
import type { AtomicFile } from '../../linux/atomicFiles.ts';
import { notFound, refKey, type ObjectRef } from '../objects/source.ts';
import { podName } from '../paths.ts';
import { fieldValue, resourceValue, type FieldFacts } from '../pods/fields.ts';
import { tokenKey } from './tokens.ts';

export interface ContentFacts extends FieldFacts {
  /** By refKey. */
  readonly objects: ReadonlyMap<string, ConfigMap | Secret>;
  /** By tokenKey; absent: the pod has none. */
  readonly tokens?: ReadonlyMap<string, string>;
}

const DEFAULT_MODE = 0o644;

interface Wish {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
  readonly mode: number;
}

/** undefined: the volume is none of these. */
export function volumeFiles(pod: Pod, volume: Volume, facts: ContentFacts): Map<string, AtomicFile> | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const parts: [string, AtomicFile][][] = [];
  const object = (wish: Wish): void => void parts.push(ofObject(pod, wish, facts));
  if (configMap !== undefined)
    object({ kind: 'ConfigMap', ...wishOf(configMap), name: configMap.name ?? '', mode: configMap.defaultMode ?? DEFAULT_MODE });
  else if (secret !== undefined)
    object({ kind: 'Secret', ...wishOf(secret), name: secret.secretName ?? '', mode: secret.defaultMode ?? DEFAULT_MODE });
  else if (downwardAPI !== undefined) parts.push(ofPod(pod, downwardAPI.items ?? [], downwardAPI.defaultMode ?? DEFAULT_MODE, facts));
  else if (projected !== undefined) {
    const mode = projected.defaultMode ?? DEFAULT_MODE;
    for (const source of projected.sources ?? []) {
      if (source.configMap !== undefined)
        object({ kind: 'ConfigMap', ...wishOf(source.configMap), name: source.configMap.name ?? '', mode });
      if (source.secret !== undefined) object({ kind: 'Secret', ...wishOf(source.secret), name: source.secret.name ?? '', mode });
      if (source.downwardAPI !== undefined) parts.push(ofPod(pod, source.downwardAPI.items ?? [], mode, facts));
      if (source.serviceAccountToken !== undefined) {
        const token = facts.tokens?.get(tokenKey(source.serviceAccountToken)) ?? '';
        parts.push([[source.serviceAccountToken.path, { bytes: Buffer.from(token), mode }]]);
      }
    }
  } else return undefined;
  return new Map(parts.flat());
}

function wishOf(from: { readonly items?: readonly KeyToPath[]; readonly optional?: boolean }): Pick<Wish, 'items' | 'optional'> {
  return { items: from.items, optional: from.optional === true };
}

function ofObject(pod: Pod, { kind, name, items, optional, mode }: Wish, { objects }: ContentFacts): [string, AtomicFile][] {
  const ref: ObjectRef<'ConfigMap' | 'Secret'> = { kind, namespace: podName(pod).namespace, name };
  const object = objects.get(refKey(ref));
  if (object === undefined) {
    if (optional) return [];
    throw notFound(ref);
  }
  const all = bytesOf(kind, object);
  if (items === undefined || items.length === 0) return [...all].map(([key, bytes]) => [key, { bytes, mode }]);
  return items.flatMap((item): [string, AtomicFile][] => {
    const bytes = all.get(item.key);
    if (bytes !== undefined) return [[item.path, { bytes, mode: item.mode ?? mode }]];
    if (optional) return [];
    const what = kind === 'Secret' ? 'secret' : 'config';
    throw new AppError('OBJECT_KEY_MISSING', `references non-existent ${what} key: ${item.key}`, { key: item.key });
  });
}

function bytesOf(kind: Wish['kind'], object: ConfigMap | Secret): Map<string, Buffer> {
  const base64 = (map: Readonly<Record<string, string>> = {}): [string, Buffer][] =>
    Object.entries(map).map(([key, text]) => [key, Buffer.from(text, 'base64')]);
  if (kind === 'Secret') return new Map(base64(object.data));
  const { data = {}, binaryData } = object as ConfigMap;
  return new Map([...Object.entries(data).map(([key, text]): [string, Buffer] => [key, Buffer.from(text)]), ...base64(binaryData)]);
}

function ofPod(pod: Pod, items: readonly DownwardAPIVolumeFile[], mode: number, facts: FieldFacts): [string, AtomicFile][] {
  return items.map((item) => {
    const text =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef.fieldPath, facts)
        : resourceValue(pod, undefined, item.resourceFieldRef ?? { resource: '' }, facts);
    return [item.path, { bytes: Buffer.from(text), mode: item.mode ?? mode }];
  });
}
