/**
 * Texts with a form of their own: times, durations, base64. Pure.
 * Source: RFC 3339, RFC 4648, Go's time.ParseDuration; the forms that k8s.io/apimachinery reads and writes.
 */

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/;
const DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

export function isTime(text: string): boolean {
  const match = TIME.exec(text);
  if (match === null) return false;
  const [, , month, day, hour, minute, second] = match.map(Number);
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || Number.isNaN(Date.parse(wholeSeconds(text)))) return false;
  // Date rolls 31 February over into March: the day has to come out as it went in.
  const date = new Date(Date.UTC(Number(match[1]), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

const wholeSeconds = (text: string): string => text.replace(/[.,]\d+/, '');

/** As upstream writes a Time: UTC, whole seconds. */
export function canonicalTime(text: string): string {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return text;
  return rfc3339(Date.parse(wholeSeconds(text)));
}

/** As upstream writes a MicroTime: UTC, six digits. */
export function canonicalMicroTime(text: string): string {
  const fraction = (TIME.exec(text)?.[7] ?? '').padEnd(6, '0').slice(0, 6);
  return `${new Date(wholeSeconds(text)).toISOString().slice(0, 19)}.${fraction}Z`;
}

export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/** Milliseconds in a Go duration; undefined when it is none. */
export function durationMs(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) sum += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return text.startsWith('-') ? -sum : sum;
}

/** Line breaks inside are let through, as Go does. */
export function isBase64(text: string): boolean {
  return BASE64.test(/[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text);
}

/** The time of the API: whole seconds. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** A MicroTime of the API: six digits, of which the clock here has three. */
export const rfc3339Micro = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');
