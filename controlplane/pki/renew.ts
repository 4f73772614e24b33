/**
 * Certificates that are there, made anew with the same subject, names and key, whoever made them first; and when each one ends.
 * Throws AppError PKI_UNKNOWN, PKI_MISSING, PKI_EXTERNAL, PKI_ROTATED, PKI_UNREADABLE.
 * Differs: kubeadm makes a new key each time. Here the key stays, so that a daemon never reads a pair that does not fit together; who wants
 * a new key moves the pair away and runs `kijabi init`.
 */
import { AppError } from '#base/errors.ts';
import type { PkiWriter } from './act.ts';
import type { Expiry } from './expiry.ts';
import { AUTHORITIES, KUBECONFIG_FILES, LEAVES, type AuthorityName } from './layout.ts';
import { seenFiles, type PkiPlaces } from './observe.ts';
import { certificateName } from './plan.ts';

export const RENEWABLE: readonly string[] = [...KUBECONFIG_FILES, ...Object.keys(LEAVES).map(certificateName)];

/** Those that are there; nothing is said of what is missing. */
export async function expiries(places: PkiPlaces): Promise<readonly Expiry[]> {
  const { pairs, kubeconfigs } = await seenFiles(places);
  const isExternal = (name: AuthorityName): boolean => pairs.get(name)?.key !== 'right';
  const found: Expiry[] = [];
  for (const file of KUBECONFIG_FILES) {
    const seen = kubeconfigs.get(file);
    const notAfter = seen?.client.certificate?.notAfter;
    if (seen?.isInline === true && notAfter !== undefined)
      found.push({ name: file, authority: 'ca', notAfter, external: isExternal('ca') });
  }
  for (const [name, { authority }] of Object.entries(LEAVES)) {
    const notAfter = pairs.get(name)?.certificate?.notAfter;
    if (notAfter !== undefined) found.push({ name: certificateName(name), authority, notAfter, external: isExternal(authority) });
  }
  for (const name of Object.keys(AUTHORITIES) as AuthorityName[]) {
    const notAfter = pairs.get(name)?.certificate?.notAfter;
    if (notAfter !== undefined) found.push({ name: certificateName(name), authority: undefined, notAfter, external: isExternal(name) });
  }
  return found;
}

/** name: one of RENEWABLE. Returns the file that was written. */
export async function renew(name: string, places: PkiPlaces, writer: PkiWriter): Promise<string> {
  const { pairs, kubeconfigs } = await seenFiles(places);
  const signs = (authority: AuthorityName): void => {
    if (pairs.get(authority)?.key !== 'right')
      throw new AppError('PKI_EXTERNAL', `Cannot renew ${name}: ${authority}.key is not here; have it signed where that key is`, { name });
  };
  const file = KUBECONFIG_FILES.find((known) => known === name);
  if (file !== undefined) {
    signs('ca');
    const seen = kubeconfigs.get(file);
    const subject = seen?.client.certificate?.subject;
    if (seen === undefined || subject === undefined) throw missing(name);
    if (!seen.isInline) throw new AppError('PKI_ROTATED', `Cannot renew ${file}: the kubelet rotates the certificate it names`, { name });
    return writer.writeKubeconfig({ file, user: /CN=([^,]+)/.exec(subject)?.[1] ?? file, server: seen.server, subject });
  }
  const [path, spec] = Object.entries(LEAVES).find(([leaf]) => certificateName(leaf) === name) ?? [];
  if (path === undefined || spec === undefined)
    throw new AppError('PKI_UNKNOWN', `There is no certificate ${name}: want all or one of ${RENEWABLE.join(', ')}`, { name });
  signs(spec.authority);
  const certificate = pairs.get(path)?.certificate;
  if (certificate === undefined) throw missing(name);
  return writer.issue({ name: path, ...spec, subject: certificate.subject, names: certificate.names });
}

function missing(name: string): AppError {
  return new AppError('PKI_MISSING', `Cannot renew ${name}: it is not there; kijabi init makes it`, { name });
}
