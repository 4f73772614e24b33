/** All stored resources, and the endpoints through which they are reached. */
import type { Scheme, KindDefinition } from '#api/scheme.ts';
import { splitApiVersion } from '#api/scheme.ts';
import { AppError } from '#base/errors.ts';
import type { ApiTable, Endpoint } from '../apiTable.ts';
import { ROOT, type WatchCache } from '../cache/watchCache.ts';
import type { Verb } from '../requestInfo.ts';
import type { Handler } from '../call.ts';
import { autoscalerConversion, eventConversion } from './conversions.ts';
import { handlersOf } from './handlers.ts';
import type { RegistryDeps } from './deps.ts';
import { strategyOf } from './strategies/table.ts';
import { ALL_VERBS, type Conversion, type Resource, type Strategy } from './types.ts';
import type { Writer } from './writes.ts';

/** Kinds that are never stored: what answers them is registered elsewhere. */
const NOT_STORED = new Set(['Binding', 'ComponentStatus']);
const isStored = ({ kind, onlySubresource, apiVersion }: KindDefinition): boolean =>
  !onlySubresource && !NOT_STORED.has(kind) && !/^(authentication|authorization)\.k8s\.io\//.test(apiVersion);

/** By apiVersion and plural; these are stored as another version of themselves. */
const CONVERTED: Readonly<Record<string, Conversion>> = {
  'events.k8s.io/v1/events': eventConversion,
  'autoscaling/v1/horizontalpodautoscalers': autoscalerConversion,
};

/** A subresource through which the same object is read and written. */
const PARTS = new Set(['status', 'approval', 'finalize', 'ephemeralcontainers', 'resize']);

export class Registry {
  readonly #resources = new Map<string, Resource>();

  constructor(options: { readonly scheme: Scheme; readonly cache: WatchCache; readonly strategies: Readonly<Record<string, Strategy>> }) {
    for (const definition of options.scheme.all()) {
      if (!isStored(definition)) continue;
      const { group, version } = splitApiVersion(definition.apiVersion);
      const strategy = options.strategies[`${group}/${definition.plural}`] ?? strategyOf(definition, group);
      const key = `${definition.apiVersion}/${definition.plural}`;
      // The stored version comes first or last; its field readers are the ones that know the stored bytes.
      const cache = options.cache.register(`${ROOT}${definition.plural}/`, strategy.fields ?? {});
      const conversion = CONVERTED[key];
      this.#resources.set(key, {
        definition,
        group,
        version,
        about: { group, resource: definition.plural },
        aboutKind: { group, kind: definition.kind },
        cache,
        strategy,
        verbs: ALL_VERBS,
        ...(conversion === undefined ? {} : { conversion }),
      });
    }
  }

  find(apiVersion: string, plural: string): Resource | undefined {
    return this.#resources.get(`${apiVersion}/${plural}`);
  }

  /** Throws where the built-in kinds lack it: that is a bug. */
  get(apiVersion: string, plural: string): Resource {
    const found = this.find(apiVersion, plural);
    if (found === undefined) throw new AppError('NO_RESOURCE', `The API has no ${plural} in ${apiVersion}`);
    return found;
  }

  all(): Iterable<Resource> {
    return this.#resources.values();
  }

  /** more: endpoints of subresources that are no part of the object, by "group/plural/subresource". */
  register(
    table: ApiTable,
    {
      deps,
      writer,
      more,
    }: { readonly deps: RegistryDeps; readonly writer: Writer; readonly more: ReadonlyMap<string, SubresourceEndpoint> },
  ): void {
    for (const resource of this.#resources.values()) {
      const { definition, group, version } = resource;
      const handlers = handlersOf(deps, writer, resource);
      const { namespaced, kind, plural } = definition;
      const base = { group, version, resource: plural, namespaced, kind: { group, version, kind } };
      const { singular, shortNames, categories } = definition;
      table.register({ ...base, subresource: '', handlers: handlers.resource, singular, shortNames, categories });
      for (const subresource of definition.subresources) {
        const found = more.get(`${group}/${plural}/${subresource}`);
        const endpoint =
          found ?? (PARTS.has(subresource) ? { handlers: partHandlers(subresource, handlers.part(subresource)) } : undefined);
        if (endpoint !== undefined) table.register({ ...base, subresource, kind: endpoint.kind ?? base.kind, handlers: endpoint.handlers });
      }
    }
  }
}

export interface SubresourceEndpoint {
  readonly kind?: Endpoint['kind'];
  readonly handlers: Endpoint['handlers'];
}

function partHandlers(subresource: string, handlers: Readonly<Partial<Record<Verb, Handler>>>): Endpoint['handlers'] {
  // Upstream lets finalizers be replaced, and nothing else.
  return subresource === 'finalize' && handlers.update !== undefined ? { update: handlers.update } : handlers;
}
