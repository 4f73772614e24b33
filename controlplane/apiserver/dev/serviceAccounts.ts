/**
 * Stands in for two controllers, in the development server alone: every namespace gets the service account default and the CA of the
 * cluster. A controller manager that runs against the server finds both done.
 */
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { MASTERS } from '../authz/authorizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { KubeDraft } from '../registry/types.ts';
import type { Writer } from '../registry/writes.ts';

export function provideServiceAccounts({
  registry,
  writer,
  ca,
  log,
}: {
  readonly registry: Registry;
  readonly writer: Writer;
  readonly ca: string;
  readonly log: Logger;
}): void {
  const user = { name: 'system:apiserver', groups: [MASTERS] };
  const ensure = async (namespace: string, plural: string, object: object): Promise<void> => {
    const resource = registry.get('v1', plural);
    const { apiVersion, kind } = resource.definition;
    const options = { user, dryRun: false, manager: 'kijabi-dev', subresource: '', warn: () => undefined, namespace };
    try {
      await writer.create(resource, () => ({ apiVersion, kind, ...structuredClone(object) }) as unknown as KubeDraft, options);
    } catch (err) {
      // Somebody else was first, the namespace is going, or the server is.
      const expected = ['AlreadyExists', 'Forbidden', 'NotFound', 'STOPPING', 'STORE_CLOSED'];
      if (!expected.includes(codeOf(err) ?? '')) log.warn('Cannot provide for namespace', { namespace, resource: plural, err });
    }
  };
  registry.get('v1', 'namespaces').cache.onChange((before, after) => {
    if (before !== undefined || after === undefined) return;
    void ensure(after.name, 'serviceaccounts', { metadata: { name: 'default' } });
    void ensure(after.name, 'configmaps', {
      metadata: { name: 'kube-root-ca.crt', annotations: { 'kubernetes.io/description': 'The CA of this development server' } },
      data: { 'ca.crt': ca },
    });
  });
}
