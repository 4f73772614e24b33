/**
 * A number, or a text that means a number (a percentage, the name of a port). Pure.
 */

/** "25%" -> 25; undefined for anything else. */
export function percentOf(value: number | string): number | undefined {
  return typeof value === 'string' && /^[0-9]+%$/.test(value) ? Number(value.slice(0, -1)) : undefined;
}

export type Rounding = 'up' | 'down';

/** The number itself, or the percentage of a total; undefined when the text is no percentage. */
export function scaledValue(value: number | string, total: number, rounding: Rounding): number | undefined {
  if (typeof value === 'number') return value;
  const percent = percentOf(value);
  if (percent === undefined) return undefined;
  return rounding === 'up' ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100);
}

/** A port given by number or by the name of one of these ports; undefined when no port has that name. */
export function resolvePort(
  port: number | string,
  ports: readonly { readonly name?: string; readonly containerPort: number }[],
): number | undefined {
  if (typeof port === 'number') return port;
  const named = ports.find((p) => p.name === port);
  if (named !== undefined) return named.containerPort;
  return /^[0-9]+$/.test(port) ? Number(port) : undefined;
}
