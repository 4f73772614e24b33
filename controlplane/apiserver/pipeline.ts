/**
 * What every request goes through before its handler: who is it, as whom does it act, are we full, may it do this; then audit and route.
 */
import type { Answer, ApiCall, UserInfo } from './call.ts';
import type { Audit, AuditRecord } from './audit/audit.ts';
import type { Authenticator } from './authn/authenticator.ts';
import { impersonate } from './authn/impersonation.ts';
import { attributesOf, type Attributes, type Authorizer } from './authz/authorizer.ts';
import { forbiddenText } from './authz/messages.ts';
import { apiErrorOf } from './failures.ts';
import { ApiError, forbidden } from './status.ts';
import { explain } from '#base/errors.ts';

/** A call whose user is being found out. */
export interface PendingCall extends ApiCall {
  user: UserInfo;
  impersonator: UserInfo | undefined;
  record: AuditRecord | undefined;
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
    const identifying = identify(call);
    if (identifying !== undefined) await identifying;
    const record = (call.record = audit.begin(call));
    let leave: (() => void) | undefined;
    try {
      const actsAs = impersonate(call, authorizer);
      if (actsAs !== undefined) {
        call.impersonator = call.user;
        call.user = actsAs;
        record?.actsAs(actsAs);
      }
      leave = enter(call);
      const attributes = attributesOf(call);
      const { decision, reason } = authorizer.authorize(attributes);
      record?.decided(decision, reason);
      if (decision !== 'allow') throw forbidden(attributes, attributes.name, forbiddenText(attributes, reason));
      if (isEntrance(attributes)) requireCreate(attributes, authorizer);
      return await route(call);
    } catch (err) {
      if (record !== undefined && isBug(err)) record.panicked(explain(err));
      throw err;
    } finally {
      leave?.();
    }
  };

  function identify(call: PendingCall): void | Promise<void> {
    const refuse = (err: unknown): never => {
      call.record = audit.refused(call);
      throw err;
    };
    try {
      const found = authenticator.authenticate(call);
      if (found instanceof Promise) return found.then((user) => void (call.user = user), refuse);
      call.user = found;
    } catch (err) {
      refuse(err);
    }
  }
}

const isBug = (err: unknown): boolean => !(err instanceof ApiError) && apiErrorOf(err).status.code === 500;

const ENTRANCES = new Set(['exec', 'attach', 'portforward']);

/** A WebSocket begins with a GET, but whoever gets into a pod does more than read. Source: upstream asks for create since Kubernetes 1.35. */
function isEntrance({ verb, group, resource, subresource }: Attributes): boolean {
  return verb === 'get' && group === '' && resource === 'pods' && ENTRANCES.has(subresource);
}

function requireCreate(attributes: Attributes, authorizer: Authorizer): void {
  const asked = { ...attributes, verb: 'create' };
  const { decision, reason } = authorizer.authorize(asked);
  if (decision !== 'allow') throw forbidden(asked, asked.name, forbiddenText(asked, reason));
}
