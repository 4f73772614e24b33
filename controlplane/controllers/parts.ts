/** What controllers are made with beside what all have: the contents of files and the figures of flags, with upstream's defaults. Pure. */
import type { SigningOptions } from './csrSigning/reconcile.ts';

export interface Parts {
  /** PEM; absent: no kube-root-ca.crt is published. */
  readonly rootCa?: string | undefined;
  /** Absent: nothing is signed. */
  readonly signing?: SigningOptions | undefined;
}
