/** Serves /healthz and /healthz/<check>, the same on 10250, 10248, the read-only port and the local socket. */
import type { ServerResponse } from 'node:http';
import { AppError } from '#base/errors.ts';
import { answerHealth, type HealthCheck, type Outcome } from '../health/answer.ts';
import type { Target } from './access.ts';

export interface HealthDeps {
  readonly checks: readonly HealthCheck[];
  /** Told what was found, for metrics. */
  readonly onOutcomes: (outcomes: readonly Outcome[]) => void;
}

/** Throws NOT_FOUND. */
export async function serveHealth({ checks, onOutcomes }: HealthDeps, { segments, query }: Target, res: ServerResponse): Promise<void> {
  const [, check = '', ...more] = segments;
  const answer = more.length > 0 ? undefined : await answerHealth(checks, { check: check === '' ? undefined : check, query });
  if (answer === undefined)
    throw new AppError(
      'NOT_FOUND',
      `/${segments.join('/')}: there are /healthz and /healthz/<${checks.map(({ name }) => name).join('|')}>`,
    );
  onOutcomes(answer.outcomes);
  res.writeHead(answer.status, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }).end(answer.text);
}
