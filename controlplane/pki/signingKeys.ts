/**
 * The keys of service account tokens: one signs, several may verify, so that keys can be changed without throwing anybody out. Pure.
 * Throws: AppError SERVICE_ACCOUNT_KEY.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { AppError } from '#base/errors.ts';

export type SigningAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

export interface VerifyingKey {
  readonly id: string;
  readonly algorithm: SigningAlgorithm;
  readonly key: KeyObject;
}

export interface SigningKey extends VerifyingKey {
  readonly privateKey: KeyObject;
}

/** A private key, or a public one where only verifying is wanted; a file may hold several. */
export function readVerifyingKeys(pem: string, source: string): readonly VerifyingKey[] {
  const blocks = pem.match(/-----BEGIN [^-]+-----[\s\S]+?-----END [^-]+-----/g) ?? [];
  const keys = blocks.filter((block) => / KEY-----/.test(block)).map((block) => verifyingKey(block, source));
  if (keys.length === 0) throw refuse(source, 'it holds no key');
  return keys;
}

export function readSigningKey(pem: string, source: string): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (err) {
    throw refuse(source, 'want a private RSA or ECDSA key in PEM', err);
  }
  return { ...describe(createPublicKey(privateKey), source), privateKey };
}

function verifyingKey(block: string, source: string): VerifyingKey {
  try {
    return describe(createPublicKey(block), source);
  } catch (err) {
    if (err instanceof AppError) throw err;
    throw refuse(source, 'want RSA or ECDSA keys in PEM', err);
  }
}

/** The id is upstream's: the digest of the public key, so that servers with the same key call it the same. */
function describe(key: KeyObject, source: string): VerifyingKey {
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, key, algorithm: algorithmOf(key, source) };
}

const CURVES: Readonly<Record<string, SigningAlgorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, source: string): SigningAlgorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  const found = CURVES[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType !== 'ec' || found === undefined) throw refuse(source, 'want an RSA key, or an ECDSA key on P-256, P-384 or P-521');
  return found;
}

function refuse(source: string, why: string, cause?: unknown): AppError {
  return new AppError('SERVICE_ACCOUNT_KEY', `Cannot use ${source}: ${why}`, { source }, cause);
}
