/**
 * What went wrong in a call, as an AppError. Pure. Branch on the code; facts.text is the runtime's own text, word for word.
 */
import { status as Status, type ServiceError } from '@grpc/grpc-js';
import { AppError } from '#base/errors.ts';

export const CRI_CODES = [
  'CRI_UNAVAILABLE',
  'CRI_DEADLINE',
  'CRI_NOT_FOUND',
  'CRI_ALREADY_EXISTS',
  'CRI_UNIMPLEMENTED',
  'CRI_FAILED',
  'CRI_ENDPOINT_INVALID',
] as const;
export type CriCode = (typeof CRI_CODES)[number];

export interface CallFacts {
  readonly rpc: string;
  readonly socket: string;
  /** Set when our own deadline ended the call. */
  readonly expiredAfterMs?: number | undefined;
}

export function toAppError(err: ServiceError, { rpc, socket, expiredAfterMs }: CallFacts): AppError {
  const text = err.details;
  const fail = (code: CriCode, message: string): AppError => {
    return new AppError(code, message, { rpc, grpcCode: Status[err.code] ?? String(err.code), text });
  };
  if (expiredAfterMs !== undefined) {
    return fail('CRI_DEADLINE', `${rpc}: no answer from the container runtime at ${socket} within ${expiredAfterMs} ms`);
  }
  switch (err.code) {
    case Status.UNAVAILABLE:
      return fail(
        'CRI_UNAVAILABLE',
        `${rpc}: cannot reach the container runtime at ${socket} (${lastError(text)}); is it running, and is the endpoint right?`,
      );
    case Status.CANCELLED: // not by us, or it would not come here: the runtime stops
      return fail('CRI_UNAVAILABLE', `${rpc}: the container runtime at ${socket} broke the call off (${text})`);
    case Status.DEADLINE_EXCEEDED:
      return fail('CRI_DEADLINE', `${rpc} ran out of time: ${text}`);
    case Status.NOT_FOUND:
      return fail('CRI_NOT_FOUND', `${rpc} found nothing: ${text}`);
    case Status.ALREADY_EXISTS:
      return fail('CRI_ALREADY_EXISTS', `${rpc} found one already: ${text}`);
    case Status.UNIMPLEMENTED:
      return fail('CRI_UNIMPLEMENTED', `${rpc} is not offered by the container runtime at ${socket}: ${text}${hint(text)}`);
    case Status.UNKNOWN:
      // containerd answers so from when it listens until it has found its containers.
      if (text.includes('server is not initialized yet')) {
        return fail('CRI_UNAVAILABLE', `${rpc}: the container runtime at ${socket} is still starting (${text})`);
      }
      return fail('CRI_FAILED', `${rpc} failed: ${text}`);
    default:
      return fail('CRI_FAILED', `${rpc} failed: ${text}`);
  }
}

export function closedError(rpc: string, socket: string): AppError {
  return new AppError('CRI_UNAVAILABLE', `${rpc}: our connection to the container runtime at ${socket} was closed`, { rpc });
}

/** grpc-js wraps the system's word: "No connection established. Last error: Error: connect ENOENT /x. Resolution note: ". */
function lastError(text: string): string {
  return /Last error: (?:Error: )?(.+?)(?:\. Resolution note.*)?$/.exec(text)?.[1] ?? text;
}

/** A whole service that is missing is mostly a containerd whose CRI plugin is switched off, as some packages ship it. */
function hint(text: string): string {
  return text.includes('unknown service') ? '; look for "cri" under disabled_plugins in /etc/containerd/config.toml' : '';
}
