/** Signs the token of a secret: without an end, because it ends with the secret. */
import type { Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import { SECRET_TOKENS } from '#api/secretTokens.ts';
import type { SigningKey } from '../../pki/signingKeys.ts';

export async function signToken(key: SigningKey, secret: Secret, account: ServiceAccount): Promise<string> {
  const { SignJWT } = await import('jose');
  const { claims, issuer } = SECRET_TOKENS;
  const { namespace = '', name = '', uid = '' } = account.metadata;
  const said = { [claims.namespace]: namespace, [claims.secret]: secret.metadata.name ?? '', [claims.account]: name, [claims.uid]: uid };
  return new SignJWT(said)
    .setProtectedHeader({ alg: key.algorithm, kid: key.id })
    .setIssuer(issuer)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .sign(key.privateKey);
}
