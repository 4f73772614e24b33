/**
 * What every cluster starts with: namespaces, roles, priority classes, the service kubernetes and its endpoints.
 * Made when it is missing; roles are mended as long as they carry the autoupdate annotation. Several servers may do it at once.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { parseAs } from '#api/parse.ts';
import { parseIp } from '#api/ip.ts';
import { MASTERS } from './authz/authorizer.ts';
import { bootstrapClusterRoleBindings, bootstrapClusterRoles, bootstrapRoleBindings, bootstrapRoles } from './authz/bootstrap/objects.ts';
import { reconcileRole } from './authz/bootstrap/reconcile.ts';
import type { AddressAllocator } from './registry/allocation/addresses.ts';
import type { Registry } from './registry/registry.ts';
import type { KubeDraft, Resource } from './registry/types.ts';
import type { Writer, WriteOptions } from './registry/writes.ts';

export interface BootstrapOptions {
  readonly writer: Writer;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly addresses: AddressAllocator;
  readonly advertise: { readonly address: string; readonly port: () => number };
}

const NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'];
const RBAC = 'rbac.authorization.k8s.io/v1';
const WHO: WriteOptions = {
  user: { name: 'system:apiserver', groups: [MASTERS] },
  dryRun: false,
  manager: 'kube-apiserver',
  subresource: '',
  warn: () => undefined,
};

export class Bootstrap {
  readonly #options: BootstrapOptions;
  #done = false;

  constructor(options: BootstrapOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#done;
  }

  async run(): Promise<void> {
    await Promise.all(NAMESPACES.map((name) => this.#ensure('v1', 'namespaces', { metadata: { name } })));
    const roles = {
      clusterroles: bootstrapClusterRoles(),
      clusterrolebindings: bootstrapClusterRoleBindings(),
      roles: bootstrapRoles(),
      rolebindings: bootstrapRoleBindings(),
    };
    await Promise.all([
      ...Object.entries(roles).flatMap(([plural, objects]) => objects.map((object) => this.#ensureRole(plural, object))),
      ...PRIORITY_CLASSES.map((object) => this.#ensure('scheduling.k8s.io/v1', 'priorityclasses', object)),
      this.#kubernetesService(),
    ]);
    this.#done = true;
  }

  async #ensure(apiVersion: string, plural: string, object: object): Promise<void> {
    const resource = this.#options.registry.get(apiVersion, plural);
    const { name = '', namespace = '' } = (object as KubeObject).metadata;
    const key = resource.definition.namespaced ? `${namespace}/${name}` : name;
    if (resource.cache.get(key) !== undefined) return;
    await this.#options.writer
      .create(resource, () => draftOf(resource, object), { ...WHO, namespace })
      .catch((err: unknown) => {
        if (codeOf(err) !== 'AlreadyExists') throw err;
      });
  }

  async #ensureRole(plural: string, wanted: KubeObject): Promise<void> {
    const resource = this.#options.registry.get(RBAC, plural);
    const { name = '', namespace = '' } = wanted.metadata;
    const found = resource.cache.get(resource.definition.namespaced ? `${namespace}/${name}` : name);
    if (found === undefined) return this.#ensure(RBAC, plural, wanted);
    if (reconcileRole(found.decode(), wanted) === undefined) return;
    await this.#options.writer.update(
      resource,
      { namespace, name },
      {
        ...WHO,
        change: (old) => (reconcileRole(old, wanted) ?? structuredClone(old)) as KubeDraft,
      },
    );
  }

  /** Pods find the API server under this name. */
  async #kubernetesService(): Promise<void> {
    const { addresses, advertise } = this.#options;
    const port = advertise.port();
    if (addresses.first === '') return;
    await this.#ensure('networking.k8s.io/v1', 'servicecidrs', { metadata: { name: 'kubernetes' }, spec: { cidrs: addresses.ranges } });
    await this.#ensure('v1', 'services', {
      metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { type: 'ClusterIP', clusterIP: addresses.first, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }] },
    });
  }

  /** Puts exactly these servers behind the service kubernetes. */
  async publish(ips: readonly string[]): Promise<void> {
    const port = this.#options.advertise.port();
    const addresses = ips.map((ip) => ({ ip }));
    const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
    const ports = [{ name: 'https', port, protocol: 'TCP' }];
    const metadata = { name: 'kubernetes', namespace: 'default' };
    await this.#ensureThen(
      'v1',
      'endpoints',
      { metadata: { ...metadata, labels }, subsets: [{ addresses, ports }] },
      (draft) => (draft['subsets'] = [{ addresses, ports }]),
    );
    const endpoints = ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } }));
    await this.#ensureThen(
      'discovery.k8s.io/v1',
      'endpointslices',
      {
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: parseIp(ips[0] ?? '')?.family ?? 'IPv4',
        endpoints,
        ports,
      },
      (draft) => Object.assign(draft, { endpoints, ports }),
    );
  }

  async #ensureThen(apiVersion: string, plural: string, object: object, change: (draft: KubeDraft) => unknown): Promise<void> {
    await this.#ensure(apiVersion, plural, object);
    const resource = this.#options.registry.get(apiVersion, plural);
    const { name = '', namespace = '' } = (object as KubeObject).metadata;
    await this.#options.writer.update(
      resource,
      { namespace, name },
      {
        ...WHO,
        change: (old) => {
          const draft = structuredClone(old) as unknown as KubeDraft;
          change(draft);
          return draft;
        },
      },
    );
  }
}

function draftOf(resource: Resource, object: object): KubeDraft {
  const { apiVersion, kind } = resource.definition;
  const parsed = parseAs(resource.definition, { ...object, apiVersion, kind }, { check: 'structure' });
  if (parsed.kind === 'problems') throw new TypeError(`A built-in ${kind} is wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.object as unknown as KubeDraft;
}

const priorityClass = (name: string, value: number, description: string): object => ({ metadata: { name }, value, description });
const PRIORITY_CLASSES = [
  priorityClass(
    'system-cluster-critical',
    2_000_000_000,
    'For pods that the cluster needs, but that may be moved to another node if necessary.',
  ),
  priorityClass('system-node-critical', 2_000_001_000, 'For pods that a node needs and that must not be moved from it.'),
];
