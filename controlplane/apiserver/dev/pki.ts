/**
 * A throw-away PKI: a CA, a certificate for the server, one for an administrator, and a key for service account tokens. Lives in memory.
 * Units: validity in milliseconds.
 */
import { Authority, makeSigningKey, type Dates, type KeyPairPem } from '../../pki/issue.ts';

export interface Pki {
  /** PEM texts. */
  readonly ca: string;
  readonly server: KeyPairPem;
  readonly admin: KeyPairPem;
  readonly serviceAccountKey: string;
  /** Signs what else is to be believed. */
  readonly authority: Authority;
  /** One more client: subject "O=system:nodes, CN=system:node:worker-1". */
  issueClient(subject: string, dates?: Dates): Promise<KeyPairPem>;
}

/** Clocks of machines differ. */
const BEFORE_MS = 3_600_000;

export async function makePki({
  names,
  nowMs,
  validMs,
}: {
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly validMs: number;
}): Promise<Pki> {
  const dates = { notBefore: new Date(nowMs - BEFORE_MS), notAfter: new Date(nowMs + validMs) };
  const ca = await Authority.make('kubernetes', dates);
  const issueClient = (subject: string, other: Dates = dates): Promise<KeyPairPem> =>
    ca.issue({ ...other, subject, usages: ['client'], names: [] });
  const [server, admin, account] = await Promise.all([
    ca.issue({ ...dates, subject: 'CN=kube-apiserver', usages: ['server'], names }),
    issueClient('O=system:masters, CN=kubernetes-admin'),
    makeSigningKey(),
  ]);
  return { ca: ca.pem.certificate, server, admin, serviceAccountKey: account.privateKey, authority: ca, issueClient };
}
