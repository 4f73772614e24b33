/**
 * The kinds this process knows, by apiVersion and kind and by resource name. Kinds are added at run time, so that a daemon loads only
 * the ones it uses and custom resources can join later.
 * Throws: AppError KIND_TAKEN when two different definitions claim the same kind or resource.
 */
import { AppError } from '#base/errors.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Problem } from '#api/problem.ts';
import type { Schema } from '#api/schema.ts';
import { suggestWord } from '#api/suggest.ts';

export interface KindDefinition<T extends KubeObject = KubeObject> {
  /** "v1" or "apps/v1". */
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: Schema<T>;
  /** The name in URLs: "pods". */
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  /** Groups of kinds that are asked for together: "all". */
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
  /** Not a resource of its own: the body of a subresource (Scale, Eviction, TokenRequest). */
  readonly onlySubresource: boolean;
  /** Rules beyond the schema, for an object that is being created and has its defaults. */
  validate?(object: T): readonly Problem[];
}

type Optional = 'singular' | 'shortNames' | 'categories' | 'subresources' | 'onlySubresource';

/** Fills in what follows from the rest: the singular is the kind in small letters. */
export function defineKind<T extends KubeObject>(
  definition: Omit<KindDefinition<T>, Optional> & Partial<Pick<KindDefinition<T>, Optional>>,
): KindDefinition<T> {
  return {
    singular: definition.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    subresources: [],
    onlySubresource: false,
    ...definition,
  };
}

/** "apps/v1" -> { group: "apps", version: "v1" }; the group of "v1" is "". */
export function splitApiVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export class Scheme {
  readonly #byKind = new Map<string, KindDefinition>();
  readonly #byResource = new Map<string, KindDefinition>();

  constructor(definitions: readonly KindDefinition[] = []) {
    for (const definition of definitions) this.register(definition);
  }

  /** Registering the same definition again changes nothing. */
  register(definition: KindDefinition): void {
    const kind = key(definition.apiVersion, definition.kind);
    const resource = key(definition.apiVersion, definition.plural);
    const known = this.#byKind.get(kind) ?? this.#byResource.get(resource);
    if (known !== undefined && known !== definition) {
      throw new AppError('KIND_TAKEN', `Cannot register kind ${kind}: ${known.kind} is already registered there as ${known.plural}`, {
        kind,
      });
    }
    this.#byKind.set(kind, definition);
    this.#byResource.set(resource, definition);
  }

  unregister(definition: KindDefinition): void {
    this.#byKind.delete(key(definition.apiVersion, definition.kind));
    this.#byResource.delete(key(definition.apiVersion, definition.plural));
  }

  find(apiVersion: string, kind: string): KindDefinition | undefined {
    return this.#byKind.get(key(apiVersion, kind));
  }

  /** By the name in URLs: findResource('apps/v1', 'deployments'). */
  findResource(apiVersion: string, plural: string): KindDefinition | undefined {
    return this.#byResource.get(key(apiVersion, plural));
  }

  all(): readonly KindDefinition[] {
    return [...this.#byKind.values()];
  }

  /** The kind that was probably meant: the right kind in another version, or a slip of the pen. */
  suggest(apiVersion: string, kind: string): string | undefined {
    const all = this.all();
    const sameKind = all.find((d) => d.kind === kind);
    if (sameKind !== undefined) return `apiVersion ${sameKind.apiVersion}`;
    const inVersion = suggestWord(
      all.filter((d) => d.apiVersion === apiVersion).map((d) => d.kind),
      kind,
    );
    if (inVersion !== undefined) return `kind ${inVersion}`;
    const named = all.find((d) => d.plural === kind.toLowerCase() || d.shortNames.includes(kind));
    const close =
      named?.kind ??
      suggestWord(
        all.map((d) => d.kind),
        kind,
      );
    const found = all.find((d) => d.kind === close);
    return found === undefined ? undefined : `kind ${found.kind} with apiVersion ${found.apiVersion}`;
  }
}

const key = (apiVersion: string, name: string): string => `${apiVersion} ${name}`;
