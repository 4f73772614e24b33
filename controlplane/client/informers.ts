/** The informers of one process: whoever asks for the same objects shares one watch and one copy of them. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { Informer, type Index, type InformerOptions } from './informer.ts';
import type { ResourceType, Selection } from './query.ts';
import type { Client } from './rest.ts';

export interface Wanted<T extends KubeObject> {
  readonly selection?: Selection;
  readonly indexes?: Readonly<Record<string, Index<T>>>;
  readonly transform?: (object: T) => T;
}

export class Informers {
  readonly #client: Client;
  readonly #log: Logger;
  readonly #transform: (<T extends KubeObject>(object: T) => T) | undefined;
  readonly #known = new Map<string, Informer<never>>();
  #isRunning = false;

  /** transform: of all objects whose informer has none of its own. */
  constructor(client: Client, log: Logger, transform?: <T extends KubeObject>(object: T) => T) {
    this.#client = client;
    this.#log = log;
    this.#transform = transform;
  }

  /**
   * Call it before run. Whoever asks may add indexes; only the first to ask for a selection of a kind says the transformation, because all
   * share the objects.
   */
  for<T extends KubeObject>(type: ResourceType<T>, { selection = {}, indexes, transform }: Wanted<T> = {}): Informer<T> {
    const { namespace = '', labelSelector = '', fieldSelector = '' } = selection;
    const key = [type.apiVersion, type.plural, namespace, labelSelector, fieldSelector].join('\n');
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (transform !== undefined)
        throw new AppError('INFORMER_TAKEN', `Cannot give the informer of ${type.plural} another transformation: it is made`);
      const shared = known as unknown as Informer<T>;
      shared.addIndexes(indexes ?? {});
      return shared;
    }
    if (this.#isRunning) throw new AppError('INFORMER_LATE', `Cannot add an informer of ${type.plural}: the others already run`);
    const informer = new Informer<T>({
      source: this.#client.resource(type),
      name: type.plural,
      clock: this.#client.clock,
      log: this.#log,
      selection,
      ...(indexes === undefined ? {} : { indexes }),
      ...((transform ?? this.#transform) === undefined ? {} : { transform: transform ?? this.#transform }),
    } as InformerOptions<T>);
    this.#known.set(key, informer as unknown as Informer<never>);
    return informer;
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    await Promise.all([...this.#known.values()].map((informer) => informer.run(signal)));
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#known.values()].map((informer) => informer.synced(signal)));
  }
}
