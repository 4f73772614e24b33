/**
 * When a request for a certificate has served its time and goes. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: "Certificate Signing Requests" in the Kubernetes docs: an hour after what became of it, a day where nothing did.
 *
 * Differs: upstream looks at all of them once an hour; here each goes when it is due. A certificate that came late still stays for an hour,
 * so that who asked for it can fetch it; one that ends within that hour stays as long.
 */
import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';

const AFTER_OUTCOME_MS = 3_600_000;
const WITHOUT_OUTCOME_MS = 24 * 3_600_000;

/** undefined: it says of no time when anything happened. */
export function goesAtMs({ metadata, status }: CertificateSigningRequest): number | undefined {
  const conditions = status?.conditions ?? [];
  const since = (type: 'Approved' | 'Denied' | 'Failed'): number | undefined => {
    const found = conditions.find((c) => c.type === type && c.status === 'True');
    return timeOf(found?.lastUpdateTime ?? found?.lastTransitionTime ?? (found === undefined ? undefined : metadata.creationTimestamp));
  };
  const [approvedMs, denied, failed] = [since('Approved'), since('Denied'), since('Failed')];
  const certificate = status?.certificate ?? '';
  const ends = [denied, failed].flatMap((ms) => (ms === undefined ? [] : [ms + AFTER_OUTCOME_MS]));
  if (ends.length > 0) return Math.min(...ends);
  if (approvedMs !== undefined && certificate !== '') return Math.max(approvedMs, beginsMs(certificate) ?? approvedMs) + AFTER_OUTCOME_MS;
  const waitsMs = approvedMs ?? timeOf(metadata.creationTimestamp);
  return waitsMs === undefined ? undefined : waitsMs + WITHOUT_OUTCOME_MS;
}

function timeOf(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** certificate: PEM, in Base64. undefined: it is none. */
function beginsMs(certificate: string): number | undefined {
  try {
    return new X509Certificate(Buffer.from(certificate, 'base64')).validFromDate.getTime();
  } catch {
    return undefined;
  }
}
