/**
 * Services and EndpointSlices of a cluster, and the Node this proxy is for, followed by informers that never end by themselves.
 *
 * The source is complete when all three were read once: before that, "not there" means nothing, and the rules of the last run stay.
 * An API server that goes away later is not a cluster without services: what it said last stays.
 *
 * Source: the labels that make a service another proxy's affair, as upstream selects by them.
 */
import { Node } from '#api/kinds/core/node.ts';
import { Service } from '#api/kinds/core/service.ts';
import { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Logger } from '#base/log.ts';
import { Informers } from '#client/informers.ts';
import type { Informer } from '#client/informer.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import type { ObjectStore } from '../objects.ts';
import { PROXY_NAME_LABEL } from '../services.ts';

// Without the rules of validation that the definitions bring: the server has applied them.
const SERVICES: ResourceType<Service> = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true, schema: Service };
const SLICES: ResourceType<EndpointSlice> = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: EndpointSlice,
};
const NODES: ResourceType<Node> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node };

const LABELS = `!${PROXY_NAME_LABEL},!service.kubernetes.io/headless`;

export interface ApiServerSourceOptions {
  readonly client: Client;
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly nodeName: string;
  /** The store holds something new. Not before the source is complete. */
  readonly onChange: () => void;
  /** The Node object, as it is now; undefined: there is none. Not before the source is complete. */
  readonly onNode: (node: Node | undefined) => void;
}

export class ApiServerSource {
  readonly #options: ApiServerSourceOptions;
  readonly #informers: Informers;
  readonly #nodes: Informer<Node>;
  #isTelling = false;
  #isComplete = false;

  constructor(options: ApiServerSourceOptions) {
    const { client, log, store, nodeName } = options;
    this.#options = options;
    this.#informers = new Informers(client, log);
    const selection = { labelSelector: LABELS };
    this.#nodes = this.#informers.for(NODES, { selection: { fieldSelector: `metadata.name=${nodeName}` }, transform: withoutManagers });
    this.#nodes.onChange(() => this.#isComplete && this.#tellNode());
    this.#informers
      .for(SERVICES, { selection, transform: withoutManagers })
      .onChange(({ key, after }) => (store.setService(key, after), this.#tell()));
    this.#informers
      .for(SLICES, { selection, transform: withoutManagers })
      .onChange(({ key, after }) => (store.setSlice(key, after), this.#tell()));
  }

  /** Resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#informers.run(signal);
  }

  /** Resolves when all there is was read once and told; rejects with the signal's reason. */
  async complete(signal: AbortSignal): Promise<void> {
    await this.#informers.synced(signal);
    this.#isComplete = true;
    this.#tellNode();
    this.#options.onChange();
  }

  #tellNode(): void {
    const { nodeName, onNode } = this.#options;
    onNode(this.#nodes.get(nodeName));
  }

  /** What comes in one batch is told once. */
  #tell(): void {
    if (this.#isTelling || !this.#isComplete) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#options.onChange();
    });
  }
}

/** Nobody here asks who wrote a field: a tenth of the memory of 10,000 services. */
function withoutManagers<T extends KubeObject>(object: T): T {
  delete (object.metadata as { managedFields?: unknown }).managedFields;
  return object;
}
