/** Pods spoilt in one place, and what the rules say of them. */
import { podKind } from '#api/definitions/pod.ts';
import { parseAs } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';

export const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

export function problemsOf(pod: unknown): readonly string[] {
  const parsed = parseAs(podKind, pod);
  return parsed.kind === 'object' ? [] : parsed.problems.map(formatProblem);
}
export const ofSpec = (spec: object): readonly string[] =>
  problemsOf({ metadata: { name: 'web', namespace: 'default' }, spec: { containers: [{ name: 'a', image: 'x' }], ...spec } });
export const ofContainer = (over: object, spec: object = {}): readonly string[] =>
  ofSpec({ containers: [{ name: 'a', image: 'x', ...over }], ...spec });
export const ofVolume = (source: object): readonly string[] => ofSpec({ volumes: [{ name: 'v', ...source }] });
export const ofMetadata = (metadata: object): readonly string[] =>
  problemsOf({ metadata: { name: 'web', namespace: 'default', ...metadata }, spec: { containers: [{ name: 'a', image: 'x' }] } });

export const C = 'spec.containers[0]';
