/** How a refusal is worded, because people search for these words. Pure. Source: the forbidden messages of k8s.io/apiserver, Kubernetes 1.36. */
import type { Attributes } from './authorizer.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** A browser must never take a name for markup. */
const harmless = (text: string): string => text.replaceAll(/[&<>]/g, (c) => ENTITIES[c] ?? c);

export function forbiddenText(attributes: Attributes, reason: string): string {
  const text = harmless(whatText(attributes));
  return reason === '' ? text : `${text}: ${reason}`;
}

function whatText({ user, verb, isResource, resource, subresource, group, namespace, path }: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (!isResource) return `${who} path ${JSON.stringify(path)}`;
  const what = JSON.stringify(subresource === '' ? resource : `${resource}/${subresource}`);
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${what} in API group ${JSON.stringify(group)} ${where}`;
}
