/**
 * What every request goes through before its handler: who is it, as whom does it act, are we full, may it do this; then audit and route.
 */
import type { Answer, ApiCall, UserInfo } from './call.ts';
import type { Audit } from './audit.ts';
import type { Authenticator } from './authn/authenticator.ts';
import { impersonate } from './authn/impersonation.ts';
import { attributesOf, type Authorizer } from './authz/authorizer.ts';
import { forbiddenText } from './authz/messages.ts';
import { answerOfError } from './failures.ts';
import { forbidden } from './status.ts';

/** A call whose user is being found out. */
export interface PendingCall extends ApiCall {
  user: UserInfo;
  impersonator: UserInfo | undefined;
}

export interface PipelineOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly audit: Audit;
  /** Throws TooManyRequests; returns how to leave. */
  readonly enter: (call: ApiCall) => () => void;
  readonly route: (call: ApiCall) => Promise<Answer>;
}

export function makePipeline({ authenticator, authorizer, audit, enter, route }: PipelineOptions): (call: PendingCall) => Promise<Answer> {
  return async (call) => {
    const found = authenticator.authenticate(call);
    call.user = found instanceof Promise ? await found : found;
    const actsAs = impersonate(call, authorizer);
    if (actsAs !== undefined) {
      call.impersonator = call.user;
      call.user = actsAs;
    }
    const record = audit.begin(call);
    const leave = enter(call);
    try {
      const attributes = attributesOf(call);
      const { decision, reason } = authorizer.authorize(attributes);
      record?.decided(decision, reason);
      if (decision !== 'allow') throw forbidden(attributes, attributes.name, forbiddenText(attributes, reason));
      const answer = await route(call);
      record?.answered(answer);
      return answer;
    } catch (err) {
      record?.answered(answerOfError(err));
      throw err;
    } finally {
      leave();
    }
  };
}
