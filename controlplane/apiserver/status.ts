/**
 * Every answer that is not an object: a Status with upstream's reasons, codes and texts, because clients branch on them. Pure.
 * Throw what these functions make; the HTTP layer writes it out.
 * Source: the error texts of k8s.io/apimachinery api/errors, Kubernetes 1.36.
 */
import { AppError } from '#base/errors.ts';
import { formatPath } from '#api/fieldPath.ts';
import type { Status, StatusCause, StatusDetails } from '#api/kinds/meta/status.ts';
import { CAUSE_REASONS, type Problem } from '#api/problem.ts';

export type Reason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'ServiceUnavailable';

const CODES: Readonly<Record<Reason, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  Invalid: 422,
  ServerTimeout: 500,
  Timeout: 504,
  TooManyRequests: 429,
  BadRequest: 400,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  InternalError: 500,
  ServiceUnavailable: 503,
};

/** A refusal on its way to the client. The code is the reason, so that code can branch on it like on any other error of ours. */
export class ApiError extends AppError {
  override readonly name = 'ApiError';
  readonly status: Status & { readonly code: number };

  constructor(reason: Reason, message: string, more: { readonly details?: StatusDetails; readonly cause?: unknown } = {}) {
    super(reason, message, {}, more.cause);
    const { details } = more;
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code: CODES[reason],
    };
  }

  /** 500 without a reason: clients print the message as it is. */
  static plain(message: string, cause?: unknown): ApiError {
    const err = new ApiError('InternalError', message, { cause });
    const { reason: _, ...rest } = err.status;
    (err as { status: ApiError['status'] }).status = rest;
    return err;
  }
}

/** What an error is about: "deployments" in "apps". */
export interface About {
  readonly group: string;
  readonly resource: string;
}

const textOf = ({ group, resource }: About): string => (group === '' ? resource : `${resource}.${group}`);

function detailsOf({ group, resource }: About, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource };
}

export function notFound(about: About, name: string): ApiError {
  return new ApiError('NotFound', `${textOf(about)} ${JSON.stringify(name)} not found`, { details: detailsOf(about, name) });
}

export function noSuchPath(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function alreadyExists(about: About, name: string): ApiError {
  return new ApiError('AlreadyExists', `${textOf(about)} ${JSON.stringify(name)} already exists`, { details: detailsOf(about, name) });
}

/** A generated name was taken each time we tried. */
export function generateNameConflict(about: About, name: string): ApiError {
  const message = `${textOf(about)} ${JSON.stringify(name)} already exists, the server was not able to generate a unique name for the object`;
  return new ApiError('AlreadyExists', message, { details: { ...detailsOf(about, name), retryAfterSeconds: 1 } });
}

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(about: About, name: string, why = MODIFIED): ApiError {
  const message = `Operation cannot be fulfilled on ${textOf(about)} ${JSON.stringify(name)}: ${why}`;
  return new ApiError('Conflict', message, { details: detailsOf(about, name) });
}

export function applyConflict(message: string, causes: readonly StatusCause[]): ApiError {
  return new ApiError('Conflict', message, { details: { causes } });
}

export function forbidden(about: About, name: string, why: string): ApiError {
  const what = about.resource === '' ? '' : name === '' ? `${textOf(about)} is ` : `${textOf(about)} ${JSON.stringify(name)} is `;
  return new ApiError('Forbidden', `${what}forbidden: ${why}`, { details: about.resource === '' ? {} : detailsOf(about, name) });
}

export function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized');
}

export function badRequest(message: string, cause?: unknown): ApiError {
  return new ApiError('BadRequest', message, { cause });
}

export function gone(message: string): ApiError {
  return new ApiError('Gone', message);
}

export function expired(message: string): ApiError {
  return new ApiError('Expired', message);
}

export function methodNotSupported(about: About, action: string): ApiError {
  const message = `${action} is not supported on resources of kind ${JSON.stringify(textOf(about))}`;
  return new ApiError('MethodNotAllowed', message, { details: detailsOf(about, '') });
}

export function methodNotAllowed(): ApiError {
  return new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', { details: {} });
}

export function notAcceptable(accepted: readonly string[]): ApiError {
  return new ApiError('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError('UnsupportedMediaType', message);
}

export function tooManyRequests(message: string, retryAfterSeconds = 1): ApiError {
  return new ApiError('TooManyRequests', message, { details: { retryAfterSeconds } });
}

export function tooLarge(limitBytes: number): ApiError {
  return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

export function timedOut(message: string, retryAfterSeconds = 0): ApiError {
  const details = retryAfterSeconds === 0 ? {} : { retryAfterSeconds };
  return new ApiError('Timeout', `Timeout: ${message}`, { details });
}

/** The client asks for a version that has not happened yet, and it did not come in time. */
export function futureVersion(asked: number, current: number): ApiError {
  const message = `Too large resource version: ${asked}, current: ${current}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new ApiError('Timeout', `Timeout: ${message}`, { details: { causes, retryAfterSeconds: 1 } });
}

export function serverTimeout(about: About, operation: string, retryAfterSeconds = 1): ApiError {
  const message = `The ${operation} operation against ${textOf(about)} could not be completed at this time, please try again.`;
  return new ApiError('ServerTimeout', message, { details: { ...detailsOf(about, ''), retryAfterSeconds } });
}

export function unavailable(message: string): ApiError {
  return new ApiError('ServiceUnavailable', message);
}

export function internalError(why: string, cause?: unknown): ApiError {
  return new ApiError('InternalError', `Internal error occurred: ${why}`, { details: { causes: [{ message: why }] }, cause });
}

/** Of a kind, not of a resource: "Pod", "Deployment.apps". */
export interface AboutKind {
  readonly group: string;
  readonly kind: string;
}

export function invalid({ group, kind }: AboutKind, name: string, problems: readonly Problem[]): ApiError {
  const texts = problems.map((p) => withPath(p));
  const unique = [...new Set(texts)];
  const all = unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
  const causes = problems.map((p) => ({ reason: CAUSE_REASONS[p.kind], message: p.message, field: formatPath(p.path) }));
  const message = `${group === '' ? kind : `${kind}.${group}`} ${JSON.stringify(name)} is invalid: ${all}`;
  return new ApiError('Invalid', message, {
    details: { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind, causes },
  });
}

function withPath(problem: Problem): string {
  return `${problem.path.length === 0 ? '<nil>' : formatPath(problem.path)}: ${problem.message}`;
}

/** What a successful request without an object answers. */
export function success(details?: StatusDetails): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', ...(details === undefined ? {} : { details }) };
}
