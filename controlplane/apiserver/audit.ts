/** Where requests are recorded, if an audit policy asks for it. */
import type { Answer, ApiCall } from './call.ts';

export interface AuditRecord {
  decided(decision: string, reason: string): void;
  answered(answer: Answer): void;
}

export interface Audit {
  /** undefined: this request is not recorded. */
  begin(call: ApiCall): AuditRecord | undefined;
}

export const noAudit: Audit = { begin: () => undefined };
