/**
 * Puts tokens into the secrets that ask for one (type kubernetes.io/service-account-token), and removes those secrets with their account.
 * It works with the rights of the whole program, as upstream: the accounts of the other controllers live by tokens too.
 */
import type { Secret } from '#api/kinds/core/config.ts';
import { SECRET_TOKENS } from '#api/secretTokens.ts';
import { isNotFound } from '#client/errors.ts';
import type { SigningKey } from '../../pki/signingKeys.ts';
import { SECRETS, SERVICE_ACCOUNTS } from '../../component/kinds.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { Expectations } from '../workloads/expectations.ts';
import { accountOf, filled, tokenStep, type TokenStep } from './plan.ts';
import { signToken } from './sign.ts';

export interface TokenOptions {
  readonly key: SigningKey;
  readonly rootCa: string | undefined;
  readonly concurrency: number;
}

interface Action {
  readonly kind: Exclude<TokenStep, 'nothing'>;
}

export function serviceAccountTokenController(deps: ControllerDeps, { key, rootCa, concurrency }: TokenOptions): Controller {
  const accounts = deps.informers.for(SERVICE_ACCOUNTS);
  const secrets = deps.informers.for(SECRETS, {
    selection: { fieldSelector: `type=${SECRET_TOKENS.type}` },
    indexes: { tokenOf: (secret) => [accountOf(secret)] },
  });
  const [asked, client] = [deps.own.resource(SERVICE_ACCOUNTS), deps.own.resource(SECRETS)];
  const expectations = new Expectations(deps.clock, [secrets]);
  return loopController<Secret, Action>({
    name: 'serviceaccount-token-controller',
    deps,
    concurrency,
    expectations,
    sources: [
      source(secrets, (secretKey) => [secretKey]),
      source(accounts, (account) => secrets.by('tokenOf', account).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)),
    ],
    desired: (secretKey) => secrets.get(secretKey),
    plan: (secret) => {
      const kind = secret === undefined ? 'nothing' : tokenStep(secret, accounts.get(accountOf(secret)), rootCa);
      return { actions: kind === 'nothing' ? [] : [{ kind }] };
    },
    act: async (_, secretKey, signal) => {
      const secret = secrets.get(secretKey);
      if (secret === undefined) return;
      // The server is asked: what is not known yet is not missing, and a secret that was removed does not come back.
      const [namespace = '', name = ''] = accountOf(secret).split('/');
      const account = await asked.get({ namespace, name }, { signal }).catch((err: unknown) => {
        if (isNotFound(err)) return undefined;
        throw err;
      });
      const step = tokenStep(secret, account, rootCa);
      const { uid, name: secretName = '' } = secret.metadata;
      try {
        if (step === 'remove') {
          await client.delete({ namespace, name: secretName }, { signal, ...(uid === undefined ? {} : { preconditions: { uid } }) });
          deps.log.info('Removed a token whose account is gone', { secret: secretKey, account: name });
        } else if (step === 'fill' && account !== undefined) {
          const token = await signToken(key, secret, account);
          expectations.written(secretKey, secrets, await client.update(filled(secret, account, { token, rootCa }), { signal }));
        }
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    },
  });
}
