import { Binding, Pod, PodTemplate } from '#api/kinds/core/pod.ts';
import { defineKind } from '#api/scheme.ts';
import { validatePod, validateTemplate } from '#api/validation/pod.ts';

export const podKind = defineKind({
  apiVersion: 'v1',
  kind: 'Pod',
  schema: Pod,
  plural: 'pods',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  subresources: ['attach', 'binding', 'ephemeralcontainers', 'eviction', 'exec', 'log', 'portforward', 'proxy', 'resize', 'status'],
  validate: validatePod,
});

export const podTemplateKind = defineKind({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  schema: PodTemplate,
  plural: 'podtemplates',
  namespaced: true,
  validate: validateTemplate,
});

export const bindingKind = defineKind({ apiVersion: 'v1', kind: 'Binding', schema: Binding, plural: 'bindings', namespaced: true });
