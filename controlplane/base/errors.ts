export type Facts = Readonly<Record<string, string | number | boolean>>;

/** Every error we throw across a module boundary: a stable code to branch on, facts to log, the cause kept. */
export class AppError extends Error {
  override readonly name: string = 'AppError';
  readonly code: string;
  readonly facts: Facts;

  constructor(code: string, message: string, facts: Facts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }
}

/** "outer: middle: inner", each part once. */
export function explain(err: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = err; e !== undefined && parts.length < 8; e = e instanceof Error ? e.cause : undefined) {
    const text = e instanceof Error ? e.message : typeof e === 'string' ? e : (JSON.stringify(e) ?? typeof e);
    if (text !== '' && !parts.some((p) => p.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}

export function codeOf(err: unknown): string | undefined {
  for (let e: unknown = err, i = 0; e instanceof Error && i < 8; e = e.cause, i++) {
    if ('code' in e && typeof e.code === 'string') return e.code;
  }
  return undefined;
}
