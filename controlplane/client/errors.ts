/**
 * What the API refuses, and what keeps us from reaching it, as one error class with codes to branch on.
 * A refusal's code is the reason of the server's Status ("NotFound", "Conflict", "Expired" ...); where a proxy answers without one it
 * follows from the HTTP status. Codes of our own begin with API_. Pure.
 * Source: the reasons and their HTTP statuses in k8s.io/apimachinery, Kubernetes 1.36.
 */
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { Status } from '#api/kinds/meta/status.ts';

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The server answered, and said no. */
export class ApiError extends AppError {
  override readonly name = 'ApiError';
  readonly httpStatus: number;
  /** What the server said; a made-up one where something in between answered. */
  readonly status: Status;
  /** When the server wants to be asked again; undefined: it did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(httpStatus: number, status: Status, retryAfterMs?: number) {
    super(status.reason ?? 'API_UNEXPECTED', status.message ?? `the server answered ${httpStatus}`, { httpStatus });
    this.httpStatus = httpStatus;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a status line and a body mean. retryAfter is the header. */
export function refusal(httpStatus: number, body: string, retryAfter?: string): ApiError {
  const status = readStatus(body) ?? madeUp(httpStatus, body);
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : status.details?.retryAfterSeconds;
  const reason = status.reason === undefined || status.reason === '' ? REASONS[httpStatus] : status.reason;
  return new ApiError(
    httpStatus,
    reason === undefined ? status : { ...status, reason },
    seconds === undefined || seconds <= 0 ? undefined : seconds * 1_000,
  );
}

/** The object of a watch's ERROR event. */
export function refusalOfEvent(object: unknown): ApiError {
  const code = (object as { readonly code?: unknown } | null)?.code;
  return refusal(typeof code === 'number' ? code : 500, JSON.stringify(object ?? null));
}

const LONGEST_TEXT = 500;

function readStatus(body: string): Status | undefined {
  try {
    const value = JSON.parse(body) as Status | null;
    return value?.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

function madeUp(httpStatus: number, body: string): Status {
  const text = body.trim().slice(0, LONGEST_TEXT);
  return {
    kind: 'Status',
    apiVersion: 'v1',
    message: `the server answered ${httpStatus}${text === '' ? '' : `: ${text}`}`,
    code: httpStatus,
  };
}

/** What was asked for is not there; for code that takes that for an answer. */
export const isNotFound = (err: unknown): boolean => codeOf(err) === 'NotFound';
export const isConflict = (err: unknown): boolean => codeOf(err) === 'Conflict';
export const isAlreadyExists = (err: unknown): boolean => codeOf(err) === 'AlreadyExists';
/** The version that was asked for has been compacted: read everything anew. */
export const isExpired = (err: unknown): boolean => ['Expired', 'Gone'].includes(codeOf(err) ?? '');
/** The server does not know the version that was asked for yet, or not any more after a restore. */
export const isFromTheFuture = (err: unknown): boolean =>
  err instanceof ApiError && (err.status.details?.causes ?? []).some(({ reason }) => reason === 'ResourceVersionTooLarge');

/** Nothing can be made in that namespace any more. */
export const isNamespaceTerminating = (err: unknown): boolean =>
  err instanceof ApiError && (err.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');

/** Codes of Node for a server certificate that is not to be trusted. */
const CERTIFICATE = /^(ERR_TLS_CERT|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_SSL|EPROTO)/;

/** ... because of what the clock says. */
const DATES = /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/;

/** No answer came. */
export function unreachable(server: string, cause: unknown): AppError {
  const why = codeOf(cause) ?? '';
  if (CERTIFICATE.test(why)) {
    const next = DATES.test(why)
      ? 'the certificate of the server has to be renewed, or the clock of one of the two machines is wrong'
      : 'check certificate-authority, tls-server-name and the client certificate of the kubeconfig';
    return new AppError('API_TLS', `Cannot agree on TLS with the API server ${server}: ${explain(cause)}; ${next}`, { server }, cause);
  }
  return new AppError('API_UNREACHABLE', `Cannot reach the API server ${server}: ${explain(cause)}`, { server }, cause);
}

export function tooLate(server: string, afterMs: number): AppError {
  return new AppError('API_DEADLINE', `The API server ${server} gave no answer within ${afterMs} ms`, { server, afterMs });
}

export function badAnswer(what: string, why: string, cause?: unknown): AppError {
  return new AppError('API_ANSWER_INVALID', `The API server's answer to ${what} makes no sense: ${why}`, {}, cause);
}
