/**
 * The value types of the generated messages, and the two conversions that everybody needs. Pure.
 *
 * Units: 64-bit integers are decimal strings, because nanosecond timestamps pass 2^53 and JSON has no bigint. BigInt(x) computes.
 */

/** A 64-bit integer in decimal. */
export type Int64 = `${bigint}`;

/**
 * What may be sent for T: every field may be left out (proto3: then it has its zero value), a 64-bit integer may be given as a
 * safe integer, bytes as a Uint8Array of any kind.
 */
export type Input<T> = T extends Int64
  ? Int64 | number
  : T extends Uint8Array
    ? Uint8Array
    : T extends readonly (infer Item)[]
      ? readonly Input<Item>[]
      : T extends object
        ? string extends keyof T
          ? T
          : { readonly [K in keyof T]?: Input<T[K]> | undefined }
        : T;

/** A timestamp of the runtime in milliseconds since the Unix epoch; undefined when it has not happened. */
export function nanosToMs(nanos: Int64): number | undefined {
  return nanos === '0' ? undefined : Number(BigInt(nanos) / 1_000_000n);
}

export function msToNanos(ms: number): Int64 {
  return `${BigInt(Math.round(ms * 1000)) * 1000n}`;
}

export interface CallOptions {
  /** Aborting cancels the call in the runtime too; the call then fails with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of the default of deadlines.ts. Infinity: none. */
  readonly deadlineMs?: number | undefined;
}
