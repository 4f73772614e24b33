/**
 * The environment of a container. Pure: the objects it refers to are fetched before.
 *
 * In the order of the manifest: envFrom first, then env, each of which may refer to those before it and replaces what has its name.
 * Throws: AppError OBJECT_NOT_FOUND, OBJECT_KEY_MISSING, in upstream's words; the container waits then (CreateContainerConfigError).
 */
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { EnvVar } from '#api/kinds/core/env.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';
import { notFound, refKey, type ObjectRef } from '../objects/source.ts';
import { podName } from '../paths.ts';
import { expand } from './env.ts';
import { fieldValue, resourceValue, type FieldFacts } from './fields.ts';

/** By refKey. */
export type FetchedObjects = ReadonlyMap<string, ConfigMap | Secret>;

export interface EnvFacts extends FieldFacts {
  readonly objects: FetchedObjects;
  /** Where services are: what the pod itself names wins. */
  readonly services?: ReadonlyMap<string, string>;
}

export interface Environment {
  readonly variables: ReadonlyMap<string, string>;
  /** Messages of InvalidEnvironmentVariableNames events. */
  readonly skipped: readonly string[];
}

type EnvRef = ObjectRef<'ConfigMap' | 'Secret'>;

/** What has to be fetched for environment(). */
export function envRefs(pod: Pod, c: Container): EnvRef[] {
  const { namespace } = podName(pod);
  const ref = (kind: EnvRef['kind'], name: string | undefined): EnvRef[] => (name === undefined ? [] : [{ kind, namespace, name }]);
  return [
    ...(c.envFrom ?? []).flatMap((f) => [...ref('ConfigMap', f.configMapRef?.name), ...ref('Secret', f.secretRef?.name)]),
    ...(c.env ?? []).flatMap((e) => [
      ...ref('ConfigMap', e.valueFrom?.configMapKeyRef?.name),
      ...ref('Secret', e.valueFrom?.secretKeyRef?.name),
    ]),
  ];
}

/** Printable ASCII without "=": what upstream takes for a name. */
const NAME = /^[\x20-\x3c\x3e-\x7e]+$/;

export function environment(pod: Pod, c: Container, facts: EnvFacts): Environment {
  const variables = new Map<string, string>();
  const skipped: string[] = [];
  const { namespace } = podName(pod);
  for (const { prefix = '', configMapRef, secretRef } of c.envFrom ?? []) {
    for (const [kind, from] of [
      ['ConfigMap', configMapRef],
      ['Secret', secretRef],
    ] as const) {
      if (from === undefined) continue;
      const object = find({ kind, namespace, name: from.name ?? '' }, from.optional === true, facts);
      const bad: string[] = [];
      for (const [key, value] of textsOf(kind, object)) {
        if (NAME.test(prefix + key)) variables.set(prefix + key, value);
        else bad.push(prefix + key);
      }
      if (bad.length > 0)
        skipped.push(
          `Keys [${bad.sort().join(', ')}] from the EnvFrom ${kind === 'Secret' ? 'secret' : 'configMap'} ${namespace}/${from.name} were skipped since they are considered invalid environment variable names.`,
        );
    }
  }
  for (const entry of c.env ?? []) {
    const value = valueOf(pod, c, entry, { variables, facts });
    if (value !== undefined) variables.set(entry.name, value);
  }
  for (const [name, value] of facts.services ?? []) if (!variables.has(name)) variables.set(name, value);
  return { variables, skipped };
}

interface Sofar {
  readonly variables: ReadonlyMap<string, string>;
  readonly facts: EnvFacts;
}

/** undefined: an optional key that is not there leaves the variable out. */
function valueOf(pod: Pod, c: Container, { value, valueFrom }: EnvVar, { variables, facts }: Sofar): string | undefined {
  if (valueFrom?.fieldRef !== undefined) return fieldValue(pod, valueFrom.fieldRef.fieldPath, facts);
  if (valueFrom?.resourceFieldRef !== undefined) return resourceValue(pod, c, valueFrom.resourceFieldRef, facts);
  for (const [kind, from] of [
    ['ConfigMap', valueFrom?.configMapKeyRef],
    ['Secret', valueFrom?.secretKeyRef],
  ] as const) {
    if (from === undefined) continue;
    const ref = { kind, namespace: podName(pod).namespace, name: from.name ?? '' };
    const object = find(ref, from.optional === true, facts);
    if (object === undefined) return undefined;
    const found = new Map(textsOf(kind, object)).get(from.key);
    if (found === undefined && from.optional !== true)
      throw new AppError('OBJECT_KEY_MISSING', `couldn't find key ${from.key} in ${kind} ${ref.namespace}/${ref.name}`, { key: from.key });
    return found;
  }
  return expand(value ?? '', (name) => variables.get(name) ?? facts.services?.get(name));
}

function find(ref: EnvRef, optional: boolean, { objects }: EnvFacts): ConfigMap | Secret | undefined {
  const object = objects.get(refKey(ref));
  if (object === undefined && !optional) throw notFound(ref);
  return object;
}

/** Bytes of a config map are for files only. */
function textsOf(kind: EnvRef['kind'], object: ConfigMap | Secret | undefined): [string, string][] {
  const entries = Object.entries(object?.data ?? {});
  return kind === 'Secret' ? entries.map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]) : entries;
}

/** Whether the container cannot be made before the pod's address is known. */
export function readsPodIp(c: Container): boolean {
  return (c.env ?? []).some((e) => e.valueFrom?.fieldRef?.fieldPath.startsWith('status.podIP') === true);
}
