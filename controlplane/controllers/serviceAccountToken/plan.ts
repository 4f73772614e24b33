/** What a secret for the token of a service account needs. Pure. */
import type { Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import { SECRET_TOKENS } from '#api/secretTokens.ts';

const { name: NAME, uid: UID } = SECRET_TOKENS.annotations;

export type TokenStep = 'fill' | 'remove' | 'nothing';

/** account: of that name, as it is; undefined: there is none. */
export function tokenStep(secret: Secret, account: ServiceAccount | undefined, rootCa: string | undefined): TokenStep {
  if (secret.type !== SECRET_TOKENS.type || secret.metadata.deletionTimestamp !== undefined) return 'nothing';
  if (account === undefined) return 'remove';
  const { uid } = account.metadata;
  const wanted = secret.metadata.annotations?.[UID];
  // Of an account of the same name that was there before.
  if (wanted !== undefined && wanted !== '' && wanted !== uid) return 'remove';
  const { data = {}, metadata } = secret;
  const isWhole =
    wanted === uid &&
    (data['token'] ?? '') !== '' &&
    data['namespace'] === encoded(metadata.namespace ?? '') &&
    (rootCa === undefined || data['ca.crt'] === encoded(rootCa));
  return isWhole ? 'nothing' : 'fill';
}

/** The account a secret is for: "namespace/name". */
export const accountOf = ({ metadata: { namespace, annotations } }: Secret): string => `${namespace ?? ''}/${annotations?.[NAME] ?? ''}`;

/** With a token that is there already: it may be in use. */
export function filled(
  secret: Secret,
  account: ServiceAccount,
  given: { readonly token: string; readonly rootCa: string | undefined },
): Secret {
  const { data = {}, metadata } = secret;
  const { token, rootCa } = given;
  return {
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [UID]: account.metadata.uid ?? '' } },
    data: {
      ...data,
      token: data['token'] || encoded(token),
      namespace: encoded(metadata.namespace ?? ''),
      ...(rootCa === undefined ? {} : { 'ca.crt': encoded(rootCa) }),
    },
  };
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');
