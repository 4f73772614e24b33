/** What is recorded of requests, if an audit policy asks for it. Pure but for handing finished lines on. */
import type { Answer, ApiCall, UserInfo } from '../call.ts';

/** One request. Bodies are kept only as far as the policy asks for them. */
export interface AuditRecord {
  decided(decision: string, reason: string): void;
  /** The request acts as somebody else. */
  actsAs(user: UserInfo): void;
  /** The value of the body; a patch as it was sent. */
  requested(value: unknown): void;
  /** The head of an answer without an end is out. */
  started(code: number): void;
  answered(answer: Exclude<Answer, { kind: 'stream' | 'taken' }>): void;
  /** A bug, and not a refusal. */
  panicked(why: string): void;
  /** code: as the client saw it. */
  completed(code: number): void;
}

export interface Audit {
  /** undefined: this request is not recorded. */
  begin(call: ApiCall): AuditRecord | undefined;
  /** It could not be found out who asks. */
  refused(call: ApiCall): AuditRecord | undefined;
  /** Absent: nothing is ever recorded. */
  readonly counts?: () => { readonly written: number; readonly dropped: number };
}

export const noAudit: Audit = { begin: () => undefined, refused: () => undefined };
