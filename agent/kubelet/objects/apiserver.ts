/**
 * Objects of an API server as an ObjectSource: only those that pods of this node refer to, because a node may read no others.
 *
 * Config maps and secrets are watched one by one for as long as somebody follows them, and answered out of memory then. Claims, volumes and
 * runtime classes are asked for when they are needed. A look-up that fails throws: that is not the same as "not there".
 */
import { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { RuntimeClass } from '#api/kinds/node/v1.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { isNotFound } from '#client/errors.ts';
import { Informer } from '#client/informer.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { refKey, type ObjectKind, type ObjectKinds, type ObjectRef, type ObjectSource } from './source.ts';

const TYPES: { readonly [K in ObjectKind]: ResourceType<ObjectKinds[K]> } = {
  ConfigMap: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true, schema: ConfigMap },
  Secret: { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true, schema: Secret },
  PersistentVolume: {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    namespaced: false,
    schema: PersistentVolume,
  },
  PersistentVolumeClaim: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    namespaced: true,
    schema: PersistentVolumeClaim,
  },
  RuntimeClass: { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', plural: 'runtimeclasses', namespaced: false, schema: RuntimeClass },
};
const WATCHED: ReadonlySet<ObjectKind> = new Set<ObjectKind>(['ConfigMap', 'Secret']);
/** Who waits for an object waits no longer for its watch to begin. */
const FIRST_LOOK_MS = 5_000;

interface Followed {
  readonly informer: Informer<ConfigMap | Secret>;
  readonly subscribers: Set<() => void>;
  readonly stop: AbortController;
}

export class ApiObjects implements ObjectSource {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #life: AbortSignal;
  readonly #followed = new Map<string, Followed>();

  constructor({ client, clock, log }: { readonly client: Client; readonly clock: Clock; readonly log: Logger }, life: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
    this.#life = life;
  }

  async get<K extends ObjectKind>(ref: ObjectRef<K>, signal: AbortSignal): Promise<ObjectKinds[K] | undefined> {
    const followed = this.#followed.get(refKey(ref));
    if (followed !== undefined) {
      await this.#firstLook(followed.informer, signal);
      if (followed.informer.isSynced) return [...followed.informer.values()][0] as ObjectKinds[K] | undefined;
    }
    const { namespace, name } = ref;
    try {
      return await this.#client.resource(TYPES[ref.kind]).get({ ...(namespace === '' ? {} : { namespace }), name }, { signal });
    } catch (err) {
      if (isNotFound(err)) return undefined;
      const what = namespace === '' ? name : `${namespace}/${name}`;
      throw new AppError('OBJECT_UNREADABLE', `Cannot get ${ref.kind} ${what} from the API server`, { kind: ref.kind, name }, err);
    }
  }

  subscribe(ref: ObjectRef, onChange: () => void): () => void {
    if (!WATCHED.has(ref.kind)) return () => undefined;
    const key = refKey(ref);
    const followed = this.#followed.get(key) ?? this.#follow(ref as ObjectRef<'ConfigMap' | 'Secret'>);
    followed.subscribers.add(onChange);
    return () => {
      followed.subscribers.delete(onChange);
      if (followed.subscribers.size > 0 || this.#followed.get(key) !== followed) return;
      this.#followed.delete(key);
      followed.stop.abort(new Error('no pod refers to it any more'));
    };
  }

  #follow(ref: ObjectRef<'ConfigMap' | 'Secret'>): Followed {
    const stop = new AbortController();
    const informer = new Informer<ConfigMap | Secret>({
      source: this.#client.resource(TYPES[ref.kind]) as never,
      name: `${TYPES[ref.kind].plural}/${ref.namespace}/${ref.name}`,
      clock: this.#clock,
      log: this.#log,
      selection: { namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` },
    });
    const followed: Followed = { informer, subscribers: new Set(), stop };
    informer.onChange(() => {
      for (const tell of followed.subscribers) tell();
    });
    this.#followed.set(refKey(ref), followed);
    void informer.run(AbortSignal.any([this.#life, stop.signal])); // never throws
    return followed;
  }

  async #firstLook(informer: Informer<ConfigMap | Secret>, signal: AbortSignal): Promise<void> {
    if (informer.isSynced) return;
    const enough = new AbortController();
    const until = AbortSignal.any([signal, enough.signal]);
    await Promise.race([informer.synced(until), this.#clock.sleep(FIRST_LOOK_MS, until)]).catch(() => undefined);
    enough.abort();
    signal.throwIfAborted();
  }
}
