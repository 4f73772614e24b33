/**
 * Which old audit logs go, by name. Pure.
 * Source: the names that upstream's kube-apiserver gives them: audit-2026-01-31T13-05-07.000.log beside audit.log, in UTC; .gz when compressed.
 */
import { basename, extname } from 'node:path';

export interface RotationLimits {
  /** Above it a file is put aside. */
  readonly maxBytes: number;
  /** 0: by age alone. */
  readonly maxBackups: number;
  /** 0: by number alone. */
  readonly maxAgeMs: number;
  readonly compress: boolean;
}

export function backupName(file: string, nowMs: number): string {
  const ext = extname(file);
  const stamp = new Date(nowMs).toISOString().replaceAll(':', '-').slice(0, -1);
  return `${basename(file, ext)}-${stamp}${ext}`;
}

/** names: of everything in the folder. Both answers are names, too. */
export function planRotation(
  file: string,
  names: readonly string[],
  { maxBackups, maxAgeMs, compress }: RotationLimits,
  nowMs: number,
): { readonly remove: readonly string[]; readonly compress: readonly string[] } {
  const ext = extname(file);
  const prefix = `${basename(file, ext)}-`;
  const backups = names
    .flatMap((name) => {
      const plain = name.endsWith('.gz') ? name.slice(0, -3) : name;
      if (!plain.startsWith(prefix) || !plain.endsWith(ext)) return [];
      const stamp = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(plain.slice(prefix.length, plain.length - ext.length));
      const atMs = stamp === null ? Number.NaN : Date.parse(`${stamp[1]}T${stamp[2]}:${stamp[3]}:${stamp[4]}Z`);
      return Number.isNaN(atMs) ? [] : [{ name, atMs }];
    })
    .toSorted((a, b) => b.atMs - a.atMs);
  const goes = ({ atMs }: { readonly atMs: number }, i: number): boolean =>
    (maxBackups > 0 && i >= maxBackups) || (maxAgeMs > 0 && atMs < nowMs - maxAgeMs);
  return {
    remove: backups.filter(goes).map(({ name }) => name),
    compress: compress ? backups.filter((b, i) => !goes(b, i) && !b.name.endsWith('.gz')).map(({ name }) => name) : [],
  };
}
