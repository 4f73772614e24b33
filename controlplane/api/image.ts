/**
 * What a container image reference says about pulling. Pure.
 */

/** Always for :latest and for a reference with neither tag nor digest, IfNotPresent otherwise. */
export function pullPolicyFor(image: string): 'Always' | 'IfNotPresent' {
  const [name = '', ...digest] = image.split('@');
  const tag = /:([^/:]+)$/.exec(name)?.[1];
  if (image === '') return 'IfNotPresent';
  return tag === 'latest' || (tag === undefined && digest.length === 0) ? 'Always' : 'IfNotPresent';
}
