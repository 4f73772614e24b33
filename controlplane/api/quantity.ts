/**
 * Kubernetes quantities ("100m", "1.5Gi", "2e3"), exactly. Pure.
 * Units: a quantity is held as a bigint count of nano units (10^-9), the finest a quantity can be; finer ones are rounded away from 0.
 * Throws: AppError QUANTITY_INVALID from parseQuantity; isQuantity and quantityProblem do not throw.
 * Source: serialization rules of k8s.io/apimachinery resource.Quantity, Kubernetes 1.36.
 */
import { AppError } from '#base/errors.ts';

export type QuantityFormat = 'binary' | 'decimal' | 'exponent';

export interface Quantity {
  readonly nanos: bigint;
  /** How it was written; kept when it is formatted. */
  readonly format: QuantityFormat;
}

const NANO = 1_000_000_000n;
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const DECIMAL_BY_POWER = new Map(Object.entries(DECIMAL).map(([suffix, power]) => [power, suffix]));
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** The largest amount a binary quantity holds: 2^63 - 1. Larger ones are cut to it. */
const MOST_NANOS = (2n ** 63n - 1n) * NANO;
/** Powers of ten beyond which a quantity cannot mean anything; upstream computes on and would eat memory. */
const LARGEST_EXPONENT = 60;
const LONGEST_TEXT = 100;

const SHAPE = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*)([-+]?[0-9]*)$/;
const FORMAT_TEXT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC_TEXT = 'unable to parse numeric part of quantity';
const SUFFIX_TEXT = "unable to parse quantity's suffix";

type Parsed = { readonly kind: 'quantity'; readonly quantity: Quantity } | { readonly kind: 'problem'; readonly text: string };

function read(text: string): Parsed {
  if (text.length > LONGEST_TEXT) return { kind: 'problem', text: `must be no more than ${LONGEST_TEXT} characters` };
  const match = SHAPE.exec(text);
  const [, sign, whole = '', fraction = '', letters = '', digits = ''] = match ?? [];
  if (match === null) return { kind: 'problem', text: FORMAT_TEXT };
  if (whole === '' && fraction === '') return { kind: 'problem', text: text === '' || /^[^0-9.]/.test(text) ? FORMAT_TEXT : NUMERIC_TEXT };
  const scaled = scale(BigInt(whole + fraction), fraction.length, letters + digits);
  if (scaled === undefined) return { kind: 'problem', text: SUFFIX_TEXT };
  const capped = scaled.format === 'binary' && scaled.nanos > MOST_NANOS ? MOST_NANOS : scaled.nanos;
  return { kind: 'quantity', quantity: { nanos: sign === '-' ? -capped : capped, format: scaled.format } };
}

/** digits / 10^places x suffix, in nanos, rounded up. */
function scale(digits: bigint, places: number, suffix: string): Quantity | undefined {
  const decimal = Object.hasOwn(DECIMAL, suffix) ? DECIMAL[suffix] : undefined;
  if (decimal !== undefined) return { nanos: shift(digits, decimal + 9 - places), format: 'decimal' };
  const binary = Object.hasOwn(BINARY, suffix) ? BINARY[suffix] : undefined;
  if (binary !== undefined) {
    const nanos = shift(digits * 1024n ** BigInt(binary), 9 - places);
    return { nanos, format: nanos > 0n && nanos < NANO ? 'decimal' : 'binary' };
  }
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) return undefined;
  const exponent = Number(suffix.slice(1));
  if (Math.abs(exponent) > LARGEST_EXPONENT) return undefined;
  return { nanos: shift(digits, exponent + 9 - places), format: 'exponent' };
}

/** n x 10^power, rounded up. */
function shift(n: bigint, power: number): bigint {
  if (power >= 0) return n * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  return (n + divisor - 1n) / divisor;
}

/** undefined when the text is a quantity, otherwise upstream's words for what is wrong. */
export function quantityProblem(value: string | number): string | undefined {
  if (typeof value === 'string' && PLAIN.test(value)) return undefined;
  const parsed = read(String(value));
  return parsed.kind === 'problem' ? parsed.text : undefined;
}

export function isQuantity(value: string | number): boolean {
  return quantityProblem(value) === undefined;
}

export function parseQuantity(value: string | number): Quantity {
  const parsed = read(String(value));
  if (parsed.kind === 'problem') {
    throw new AppError('QUANTITY_INVALID', `Cannot read quantity ${JSON.stringify(value)}: ${parsed.text}`, { value: String(value) });
  }
  return parsed.quantity;
}

/** The canonical text: the largest suffix that leaves no fraction. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  const absolute = nanos < 0n ? -nanos : nanos;
  const sign = nanos < 0n ? '-' : '';
  const whole = absolute % NANO === 0n;
  if (format === 'binary' && whole && absolute >= 1024n * NANO) return sign + binaryText(absolute / NANO);
  return sign + decimalText(absolute, format === 'exponent');
}

function binaryText(units: bigint): string {
  let rest = units;
  let power = 0;
  while (rest % 1024n === 0n && power < BINARY_SUFFIXES.length - 1) {
    rest /= 1024n;
    power += 1;
  }
  return `${rest}${BINARY_SUFFIXES[power]}`;
}

function decimalText(nanos: bigint, asExponent: boolean): string {
  const highest = asExponent ? Infinity : 18;
  let rest = nanos;
  let power = -9;
  while (rest % 1000n === 0n && power < highest) {
    rest /= 1000n;
    power += 3;
  }
  if (asExponent) return power === 0 ? `${rest}` : `${rest}e${power}`;
  return `${rest}${DECIMAL_BY_POWER.get(power) ?? ''}`;
}

/** Texts that most people write and that are canonical as they stand; saves the arithmetic. */
const PLAIN = /^(?:[1-9][0-9]{0,2}[mkMGTP]?|[1-9][0-9]{0,2}[KMGTP]i)$/;

/** The canonical text of a valid quantity: 1000m -> 1, 1.5Gi -> 1536Mi, 0.5 -> 500m. */
export function canonicalQuantity(value: string | number): string {
  return typeof value === 'string' && PLAIN.test(value) ? value : formatQuantity(parseQuantity(value));
}

const MILLI = 1_000_000n;

/** The same, rounded up to thousandths: amounts of resources are never finer. */
export function canonicalResource(value: string | number): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  const { nanos, format } = parseQuantity(value);
  return formatQuantity({ nanos: ceilDivide(nanos, MILLI) * MILLI, format });
}

export function compareQuantities(a: string | number, b: string | number): -1 | 0 | 1 {
  const x = parseQuantity(a).nanos;
  const y = parseQuantity(b).nanos;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The sum, in the format of the first that is not zero. */
export function addQuantities(...values: readonly (string | number)[]): string {
  const parts = values.map(parseQuantity);
  const format = parts.find((p) => p.nanos !== 0n)?.format ?? 'decimal';
  return formatQuantity({ nanos: parts.reduce((sum, p) => sum + p.nanos, 0n), format });
}

export function subtractQuantities(a: string, b: string): string {
  const from = parseQuantity(a);
  return formatQuantity({ nanos: from.nanos - parseQuantity(b).nanos, format: from.format });
}

/** Thousandths, rounded up: "100m" -> 100, "1" -> 1000. CPU in millicores. */
export function toMilli(value: string | number): number {
  return Number(ceilDivide(parseQuantity(value).nanos, MILLI));
}

/** Whole units, rounded up: bytes of memory. Exact up to 2^53; use toUnits beyond that. */
export function toBytes(value: string | number): number {
  return Number(toUnits(value));
}

export function toUnits(value: string | number): bigint {
  return ceilDivide(parseQuantity(value).nanos, NANO);
}

/** Away from zero, as upstream scales quantities. */
function ceilDivide(n: bigint, by: bigint): bigint {
  return n >= 0n ? (n + by - 1n) / by : -((-n + by - 1n) / by);
}
