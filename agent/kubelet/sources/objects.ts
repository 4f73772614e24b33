/**
 * Objects beside the pods of a manifest directory: config maps, secrets, volumes, claims, runtime classes. Pure.
 * A problem in a secret's data never shows what is in it.
 */
import { configMapKind, secretKind } from '#api/definitions/core.ts';
import { runtimeClassKind } from '#api/definitions/cluster.ts';
import { persistentVolumeClaimKind, persistentVolumeKind } from '#api/definitions/storage.ts';
import type { Secret } from '#api/kinds/core/config.ts';
import { NOT_VOLUME_SOURCES, type PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { parseAs } from '#api/parse.ts';
import type { Problem } from '#api/problem.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { refKey, type ObjectKind, type ObjectKinds } from '../objects/source.ts';

export interface StandaloneObject {
  readonly key: string;
  readonly kind: ObjectKind;
  readonly object: ObjectKinds[ObjectKind];
}

const KINDS: Readonly<Record<ObjectKind, KindDefinition>> = {
  ConfigMap: configMapKind,
  Secret: secretKind,
  PersistentVolume: persistentVolumeKind,
  PersistentVolumeClaim: persistentVolumeClaimKind,
  RuntimeClass: runtimeClassKind,
};

export const OBJECT_KINDS: readonly string[] = Object.keys(KINDS);

export function isObjectKind(kind: unknown): kind is ObjectKind {
  return typeof kind === 'string' && Object.hasOwn(KINDS, kind);
}

export function apiVersionOf(kind: ObjectKind): string {
  return KINDS[kind].apiVersion;
}

export type ParsedObject =
  | { readonly kind: 'object'; readonly object: StandaloneObject }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

export function parseStandalone(kind: ObjectKind, value: object): ParsedObject {
  const definition = KINDS[kind];
  const parsed = parseAs(definition, value, {
    prepare: (draft) => {
      if (definition.namespaced) draft.metadata.namespace ??= 'default';
    },
  });
  if (parsed.kind === 'problems') return { kind: 'problems', problems: kind === 'Secret' ? parsed.problems.map(hidden) : parsed.problems };
  const { metadata } = parsed.object;
  const object = finish(kind, parsed.object);
  const unsupported = kind === 'PersistentVolume' ? unsupportedVolume(object as PersistentVolume) : undefined;
  if (unsupported !== undefined) return { kind: 'problems', problems: [unsupported] };
  const key = refKey({ kind, namespace: metadata.namespace ?? '', name: metadata.name ?? '' });
  return { kind: 'object', object: { key, kind, object } };
}

/** stringData becomes data, as when it is written to an API server. */
function finish(kind: ObjectKind, parsed: KubeObject): ObjectKinds[ObjectKind] {
  if (kind !== 'Secret') return parsed;
  const { stringData, ...secret } = parsed as Secret;
  const texts = Object.entries(stringData ?? {}).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return { ...secret, data: { ...secret.data, ...(Object.fromEntries(texts) as Record<string, string>) } };
}

const DATA = new Set<unknown>(['data', 'stringData']);

function hidden(problem: Problem): Problem {
  if (!DATA.has(problem.path[0])) return problem;
  const { path, kind } = problem;
  const about =
    path.length < 2
      ? 'want a map of keys to values'
      : path[0] === 'data'
        ? 'want a valid key and base64 text'
        : 'want a valid key and a text';
  return { path, kind, message: `Invalid value: [redacted]: ${about}`, value: '[redacted]' };
}

const SOURCES = new Set(['hostPath', 'local']);
function unsupportedVolume({ spec }: PersistentVolume): Problem | undefined {
  const refuse = (path: string, value: unknown, message: string): Problem => ({
    path: ['spec', path],
    kind: 'notSupported',
    message,
    value,
  });
  const other = Object.keys(spec).find((name) => !SOURCES.has(name) && !NOT_VOLUME_SOURCES.has(name));
  if (other !== undefined) return refuse(other, '', 'this kubelet does not honour this kind of volume yet: want hostPath or local');
  if (spec.volumeMode === 'Block')
    return refuse('volumeMode', 'Block', 'this kubelet does not honour raw block volumes yet: want "Filesystem"');
  if ((spec.mountOptions ?? []).length > 0)
    return refuse(
      'mountOptions',
      spec.mountOptions,
      'a hostPath or local volume is a directory and cannot have options of mount: remove it',
    );
  return undefined;
}
