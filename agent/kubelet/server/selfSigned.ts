/**
 * The kubelet's self-signed certificate. Touches no file.
 * Source: what upstream's kubelet makes itself: an authority of itself, so that curl --cacert takes it, good for a year.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { alternativeNames, extendedUsage, IS_AUTHORITY, keyUsage, makeCertificate, nameOf } from '#api/x509/certificate.ts';
import type { KeyPair } from './pki.ts';

const VALID_MS = 365 * 24 * 3_600_000;
/** For clocks that are slow. */
const BEFORE_MS = 3_600_000;

/** names: addresses and other names besides the node's. */
export function makeSelfSigned(nodeName: string, names: readonly string[], nowMs: number): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = nameOf(`CN=${nodeName}`);
  const certificate = makeCertificate({
    serial: `01${randomBytes(15).toString('hex')}`,
    issuer: name,
    subject: name,
    notBefore: new Date(nowMs - BEFORE_MS),
    notAfter: new Date(nowMs + VALID_MS),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    extensions: [
      IS_AUTHORITY,
      keyUsage('digitalSignature', 'keyEncipherment', 'keyCertSign'),
      extendedUsage(['server']),
      alternativeNames([nodeName, ...names].map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }))),
    ],
    signingKey: privateKey,
  });
  return { certificate, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}
