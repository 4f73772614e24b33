/** Rules for certificate signing requests. Pure. Source: texts of the certificates validation of Kubernetes 1.36. */
import { at } from '#api/fieldPath.ts';
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { dns1123Subdomain, domainPrefixedPath } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

const SPEC = at('spec');
const SHORTEST_SECONDS = 600;
const LONGEST_SIGNER = 571;
const PEM = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\s+[A-Za-z0-9+/=\s]+-----END (?:NEW )?CERTIFICATE REQUEST-----/;

export function validateCertificateSigningRequest({ metadata, spec }: CertificateSigningRequest): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  const { request, usages = [], signerName, expirationSeconds } = spec;
  if (!PEM.test(Buffer.from(request, 'base64').toString('latin1'))) {
    problems.invalid(SPEC.field('request'), request, 'PEM block type must be CERTIFICATE REQUEST');
  }
  if (usages.length === 0) problems.required(SPEC.field('usages'));
  for (const [i, usage] of usages.entries()) if (usages.indexOf(usage) !== i) problems.duplicate(SPEC.field('usages').index(i), usage);
  if (validatePresent(problems, signerName, SPEC.field('signerName'))) {
    if (signerName.length > LONGEST_SIGNER) problems.tooLong(SPEC.field('signerName'), LONGEST_SIGNER);
    problems.invalidAll(SPEC.field('signerName'), signerName, domainPrefixedPath(signerName));
  }
  if (signerName === 'kubernetes.io/legacy-unknown') {
    problems.invalid(SPEC.field('signerName'), signerName, 'the legacy signerName is not allowed via this API version');
  }
  if (expirationSeconds !== undefined && expirationSeconds < SHORTEST_SECONDS) {
    problems.invalid(SPEC.field('expirationSeconds'), expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)');
  }
  return problems.found;
}
