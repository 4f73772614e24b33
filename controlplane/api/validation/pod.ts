/**
 * Rules for a Pod when it is created, and for pod templates. Pure. The pod has passed its schema and has its defaults.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { PodTemplate } from '#api/kinds/core/pod.ts';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { dns1123Subdomain } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateAnnotations, validateLabels, validateMetadata } from '#api/validation/metadata.ts';
import { validatePodSpec } from '#api/validation/podSpec.ts';

const SPEC = at('spec');
const METADATA = at('metadata');

export function validatePod(pod: Pod): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, pod.metadata, METADATA, { namespaced: true, name: dns1123Subdomain });
  validatePodSpec(problems, pod.spec, SPEC, { kind: 'pod', name: pod.metadata.name });
  if ((pod.spec.ephemeralContainers ?? []).length > 0) problems.forbidden(SPEC.field('ephemeralContainers'), 'cannot be set on create');
  if ((pod.spec.nodeName ?? '') !== '' && (pod.spec.schedulingGates ?? []).length > 0) {
    problems.forbidden(SPEC.field('nodeName'), 'cannot be set until all schedulingGates have been cleared');
  }
  return problems.found;
}

export function validateTemplate({ metadata, template }: PodTemplate): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, METADATA, { namespaced: true, name: dns1123Subdomain });
  if (template !== undefined) validatePodTemplate(problems, template, at('template'));
  return problems.found;
}

/** For the template of a Deployment, Job and so on. */
export function validatePodTemplate(problems: Problems, template: PodTemplateSpec, place: FieldPath): void {
  validateLabels(problems, template.metadata.labels, place.field('labels'));
  validateAnnotations(problems, template.metadata.annotations, place.field('annotations'));
  validatePodSpec(problems, template.spec, place.field('spec'), { kind: 'template' });
  if ((template.spec.ephemeralContainers ?? []).length > 0) {
    problems.forbidden(place.field('spec').field('ephemeralContainers'), 'ephemeral containers not allowed in pod template');
  }
}
