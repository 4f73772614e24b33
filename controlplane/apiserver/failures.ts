/** Turns whatever a handler threw into an answer. Pure. What is not a refusal of ours is a bug or a broken store: 500, and the HTTP layer logs it. */
import { codeOf, explain } from '#base/errors.ts';
import type { Status } from '#api/kinds/meta/status.ts';
import type { Answer } from './call.ts';
import { ApiError, badRequest, expired, internalError, timedOut, unavailable } from './status.ts';

/** What the codes of the store mean to a client who did nothing wrong. */
export function apiErrorOf(err: unknown): ApiError {
  if (err instanceof ApiError) return err;
  // Patches can make an object deeper than any body may be. Whatever walks through it is pure, so nothing is half done.
  if (err instanceof RangeError && err.message === 'Maximum call stack size exceeded') return badRequest('exceeded max depth', err);
  switch (codeOf(err)) {
    case 'STORE_COMPACTED':
      return expired('The resourceVersion for the provided list is too old.');
    case 'STORE_UNAVAILABLE':
      return unavailable(`the store does not answer: ${explain(err)}`);
    case 'STORE_FULL':
      return unavailable('the store is full: delete objects or give it more space; reads and deletes still work');
    case 'STORE_CLOSED':
    case 'STOPPING':
      return unavailable('the server is shutting down');
    case 'SELECTOR_INVALID':
      return badRequest(explain(err), err);
    case 'ABORT_ERR':
    case 'CLIENT_GONE':
      return timedOut('the request was given up');
    default:
      return internalError(explain(err), err);
  }
}

export function answerOfError(err: unknown): Extract<Answer, { kind: 'value' }> {
  return answerOfStatus(apiErrorOf(err).status);
}

export function answerOfStatus(status: Status): Extract<Answer, { kind: 'value' }> {
  return { kind: 'value', code: status.code ?? 200, value: status };
}
