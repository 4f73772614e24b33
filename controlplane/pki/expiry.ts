/** When the certificates of a PKI end, as `kijabi certs check-expiration` prints it. Pure. Units: days are of 24 hours. */
import type { AuthorityName } from './layout.ts';

export interface Expiry {
  /** A file of certificates as `certs renew` takes it, or a kubeconfig file. */
  readonly name: string;
  /** undefined: it is an authority itself. */
  readonly authority: AuthorityName | undefined;
  readonly notAfter: Date;
  /** The authority's key is kept elsewhere: this cannot be renewed here. */
  readonly external: boolean;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export function residual(notAfter: Date, nowMs: number): string {
  const leftMs = notAfter.getTime() - nowMs;
  if (leftMs <= 0) return '<invalid>';
  if (leftMs >= 2 * 365 * DAY_MS) return `${Math.floor(leftMs / (365 * DAY_MS))}y`;
  if (leftMs >= 2 * DAY_MS) return `${Math.floor(leftMs / DAY_MS)}d`;
  return leftMs >= HOUR_MS ? `${Math.floor(leftMs / HOUR_MS)}h` : `${Math.floor(leftMs / 60_000)}m`;
}

export function expiryTables(found: readonly Expiry[], nowMs: number): string {
  const leaves = found.filter(({ authority }) => authority !== undefined);
  const authorities = found.filter(({ authority }) => authority === undefined);
  const row = ({ name, authority, notAfter, external }: Expiry): string[] => [
    name,
    dateOf(notAfter),
    residual(notAfter, nowMs),
    ...(authority === undefined ? [] : [authority.replace('/', '-')]),
    external ? 'yes' : 'no',
  ];
  return [
    aligned([['CERTIFICATE', 'EXPIRES', 'RESIDUAL TIME', 'CERTIFICATE AUTHORITY', 'EXTERNALLY MANAGED'], ...leaves.map(row)]),
    '',
    aligned([['CERTIFICATE AUTHORITY', 'EXPIRES', 'RESIDUAL TIME', 'EXTERNALLY MANAGED'], ...authorities.map(row)]),
    '',
  ].join('\n');
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "Nov 25, 2027 20:22 UTC" */
function dateOf(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return `${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}, ${date.getUTCFullYear()} ${time} UTC`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
