/** TokenReview: another server asks whose token this is. */
import type { KindDefinition } from '#api/scheme.ts';
import type { TokenReview } from '#api/kinds/authentication/v1.ts';
import type { Handler } from '../call.ts';
import type { Authenticator } from '../authn/authenticator.ts';
import { badRequest } from '../status.ts';
import { created, readReview } from './access.ts';

export function tokenReview(authenticator: Authenticator, definition: KindDefinition, apiAudiences: readonly string[]): Handler {
  return async (call) => {
    const review = await readReview<TokenReview>(call, definition);
    const token = review.spec.token ?? '';
    if (token === '') throw badRequest('token is required for TokenReview in authentication');
    const asked = review.spec.audiences ?? [];
    const found = await authenticator.authenticateToken(token, asked.length === 0 ? apiAudiences : asked);
    // The token itself is not sent back.
    const spec = asked.length === 0 ? {} : { audiences: asked };
    if (found === undefined) return created({ ...review, spec, status: { authenticated: false, user: {}, error: 'invalid bearer token' } });
    const { name, uid, groups, extra } = found.user;
    const user = { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
    return created({ ...review, spec, status: { authenticated: true, user, audiences: found.audiences } });
  };
}
