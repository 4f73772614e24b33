/** What a resource of the API is to the registry: its kind, where it is cached and stored, and the strategy that makes it special. */
import type { Problem } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import type { KindDefinition } from '#api/scheme.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { UserInfo } from '../call.ts';
import type { FieldReaders } from '../cache/object.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { Verb } from '../requestInfo.ts';
import type { About, AboutKind } from '../status.ts';
import type { Write } from '../storage/store.ts';

/** What a strategy may know of the request. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly nowMs: number;
  readonly dryRun: boolean;
  readonly subresource: string;
  readonly warn: (text: string) => void;
  /** A write that must happen together with the object's. */
  readonly also: (write: Write) => void;
}

export type KubeDraft = Draft<KubeObject> & Record<string, unknown>;

/** A subresource such as status or approval through which only a part of an object can be written. */
export interface Part {
  /** The only field beside metadata that can change: prepare puts all others back as they were. */
  readonly field?: string;
  prepare(draft: KubeDraft, old: KubeObject, context: WriteContext): void;
  validate?(object: KubeObject, old: KubeObject, context: WriteContext): readonly Problem[];
}

/** How a kind differs from the others. All functions are pure but for the draft they are given. */
export interface Strategy {
  /** Fields beside name and namespace that field selectors may ask for. */
  readonly fields?: FieldReaders;
  /** Sets what users do not set: removes a status, fills in a phase. */
  prepareForCreate?(draft: KubeDraft, context: WriteContext): void;
  /** The draft has the old object's system fields already. */
  prepareForUpdate?(draft: KubeDraft, old: KubeObject, context: WriteContext): void;
  /** How writes through subresources that are parts of the object differ. Without an entry, status changes the status alone. */
  readonly parts?: Readonly<Record<string, Part>>;
  /** Beyond the rules of the kind. */
  validateCreate?(object: KubeObject, context: WriteContext): readonly Problem[];
  /** Beyond the rules of the kind and of metadata. */
  validateUpdate?(object: KubeObject, old: KubeObject, context: WriteContext): readonly Problem[];
  /** Instead of the rules for a new object; for kinds that may later have what they may not begin with. */
  rulesForUpdate?(object: KubeObject, old: KubeObject): readonly Problem[];
  /** PUT of a name that does not exist creates it. */
  readonly createOnUpdate?: boolean;
  /** PUT without a resourceVersion is refused. */
  readonly needsVersionForUpdate?: boolean;
  /** metadata.generation counts changes of everything but metadata and status. */
  readonly counted?: boolean;
  /** Seconds an object gets to end by itself before it is removed. Absent or 0: none. */
  gracePeriodSeconds?(object: KubeObject, asked: number | undefined): number;
  /** Finalizers that are not in metadata (Namespace keeps its in spec): false while there are some. */
  isFinal?(object: KubeObject): boolean;
  /** The object begins to be deleted. */
  marked?(draft: KubeDraft): void;
  /** How dependants are treated when a deletion does not say. */
  readonly defaultPropagation?: 'Background' | 'Orphan';
  /** The object itself answers a deletion, not a Status. */
  readonly returnsDeleted?: boolean;
  /** How long an object lives from its last write on. */
  ttlMs?(object: KubeObject): number | undefined;
  /** Gives out what must be unique in the cluster (cluster IPs, node ports); throws what the client is told. */
  allocate?(draft: KubeDraft, old: KubeObject | undefined, context: WriteContext): void;
  /** Gives it back. */
  release?(object: KubeObject, context: WriteContext): void;
}

/** Between the version that is stored and the one of this resource. */
export interface Conversion {
  fromStored(object: KubeObject): KubeObject;
  toStored(object: KubeObject): KubeObject;
}

export interface Resource {
  readonly definition: KindDefinition;
  readonly group: string;
  readonly version: string;
  readonly about: About;
  readonly aboutKind: AboutKind;
  readonly cache: ResourceCache;
  readonly strategy: Strategy;
  readonly verbs: readonly Verb[];
  readonly conversion?: Conversion;
}

export const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
