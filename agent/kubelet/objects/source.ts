/**
 * Where objects that pods refer to come from: documents of the manifest directory, or an API server. Pure but for the interface's own work.
 *
 * A source answers for the present; a subscription rings when an object appeared, changed or went, never with the object itself.
 * A look-up that fails throws: that is not the same as "not there".
 */
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import { AppError } from '#base/errors.ts';

export interface ObjectKinds {
  readonly ConfigMap: ConfigMap;
  readonly Secret: Secret;
  readonly PersistentVolume: PersistentVolume;
  readonly PersistentVolumeClaim: PersistentVolumeClaim;
  readonly RuntimeClass: RuntimeClass;
}
export type ObjectKind = keyof ObjectKinds;

export interface ObjectRef<K extends ObjectKind = ObjectKind> {
  readonly kind: K;
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectSource {
  /** undefined: it is not there. */
  get<K extends ObjectKind>(ref: ObjectRef<K>, signal: AbortSignal): Promise<ObjectKinds[K] | undefined>;
  /** Returns what ends the subscription. */
  subscribe(ref: ObjectRef, onChange: () => void): () => void;
}

/** Static pods refer to documents beside them, pods of an API server to its objects. */
export type ObjectsOf = (pod: Pod) => ObjectSource;

/** One text for one object; no part of a name holds a slash. */
export function refKey({ kind, namespace, name }: ObjectRef): string {
  return `${kind}/${namespace}/${name}`;
}

/** Upstream's words for an object that is not there. */
export function notFound({ kind, name }: ObjectRef): AppError {
  const what = kind === 'RuntimeClass' ? 'runtimeclass.node.k8s.io' : kind.toLowerCase();
  return new AppError('OBJECT_NOT_FOUND', `${what} "${name}" not found`, { kind, name });
}

/** A token of a service account, for projected volumes; only an API server can give one. */
export interface TokenSource {
  token(request: TokenRequest, signal: AbortSignal): Promise<ServiceToken>;
}

export interface ServiceToken {
  readonly token: string;
  readonly expiresAtMs: number;
  /** When it should be asked for again. */
  readonly refreshAtMs: number;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
  readonly pod: { readonly name: string; readonly uid: string };
}
