/** What the controllers of workloads are put together from. */
import { matches, type Selector } from '#api/labels.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { isNotFound } from '#client/errors.ts';
import type { Informer } from '#client/informer.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { source, type ControllerDeps, type Source } from '../controller.ts';
import { PODS } from '../../component/kinds.ts';
import { Expectations, type Cache } from './expectations.ts';
import { controllerOf, keysOfOwner, NAMESPACE, OWNER_INDEXES } from './owners.ts';
import { PodControl, type Events } from './podControl.ts';

export interface Pace {
  /** Keys that are worked on at once. */
  readonly concurrency: number;
}

export interface WorkloadParts {
  /** With the rights of the controller's account. */
  readonly client: Client;
  readonly pods: Informer<Pod>;
  readonly events: Events;
  readonly expectations: Expectations;
  readonly control: PodControl;
}

export interface Names {
  /** Of the service account. */
  readonly account: string;
  /** How events are signed. Default: as the account. */
  readonly component?: string;
}

/** caches: of what it writes, beside pods. */
export function workloadParts(deps: ControllerDeps, { account, component = account }: Names, caches: readonly Cache[]): WorkloadParts {
  const client = deps.clientAs(account);
  const pods = deps.informers.for(PODS, { indexes: OWNER_INDEXES });
  const events = deps.eventsOf(component, account);
  const expectations = new Expectations(deps.clock, [pods, ...caches]);
  const control = new PodControl({ client: client.resource(PODS), pods, events, expectations });
  return { client, pods, events, expectations, control };
}

export interface Keepers<O extends KubeObject> {
  readonly type: ResourceType<O>;
  readonly owners: Informer<O>;
  readonly selectorOf: (owner: O) => Selector;
}

/** Rings for the owner of what changed; for what has none, for those that may take it up. */
export function ownedSource<T extends KubeObject, O extends KubeObject>(
  informer: Informer<T>,
  { type, owners, selectorOf }: Keepers<O>,
): Source {
  return source(informer, (_, object) => {
    if (object === undefined) return [];
    if (controllerOf(object) !== undefined) return keysOfOwner(type, object);
    const { namespace = '', labels } = object.metadata;
    if (labels === undefined) return [];
    return owners
      .by(NAMESPACE, namespace)
      .filter((owner) => matches(selectorOf(owner), labels))
      .map(({ metadata }) => `${namespace}/${metadata.name ?? ''}`);
  });
}

/** What was to be written is gone: nothing is left to be done about it. */
export function unlessGone(err: unknown): undefined {
  if (!isNotFound(err)) throw err;
}
