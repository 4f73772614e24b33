/**
 * Routes of one origin: each route of the kernel remembers who made it (its protocol number), so that the routes of others are never seen
 * here and never touched.
 *
 * Throws: ROUTES_FAILED (what the kernel refused, all others of the call were made; or that they cannot be listed).
 * Source: ip-route(8).
 */
import { AppError } from '#base/errors.ts';
import { run, type Argv, type RunResult } from './exec.ts';

export interface NetworkRoute {
  /** "10.244.1.0/24". */
  readonly to: string;
  readonly via: string;
}

export interface RouteChanges {
  readonly set: readonly NetworkRoute[];
  readonly remove: readonly NetworkRoute[];
}

interface Seen {
  readonly dst: string;
  readonly gateway?: string;
}

const familyOf = ({ to }: NetworkRoute): '-4' | '-6' => (to.includes(':') ? '-6' : '-4');

export async function listRoutes(protocol: number, signal: AbortSignal): Promise<readonly NetworkRoute[]> {
  const found: NetworkRoute[] = [];
  for (const family of ['-4', '-6'] as const) {
    const argv: Argv = ['ip', family, '-json', 'route', 'show', 'table', 'main', 'proto', String(protocol)];
    const routes = listed(await run(argv, { signal, okCodes: [1, 2] }));
    for (const { dst, gateway } of routes) if (gateway !== undefined) found.push({ to: whole(dst, family), via: gateway });
  }
  return found;
}

/** Pure. A kernel without the family, or where nobody made a route yet, has none; whatever else fails tells of none. Throws ROUTES_FAILED. */
export function listed({ stdout, stderr, exitCode }: RunResult): readonly Seen[] {
  if (exitCode === 0) return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Seen[]);
  if (/not supported|FIB table does not exist/i.test(stderr)) return [];
  throw new AppError('ROUTES_FAILED', `Cannot list routes: ${stderr.trim() || `ip ended with ${exitCode}`}`);
}

/** A network of one address is shown without its length. */
const whole = (dst: string, family: '-4' | '-6'): string => (dst.includes('/') ? dst : `${dst}/${family === '-4' ? 32 : 128}`);

/** Does what can be done, and then says what could not. */
export async function changeRoutes(changes: RouteChanges, protocol: number, signal: AbortSignal): Promise<void> {
  const refused: string[] = [];
  for (const family of ['-4', '-6'] as const) {
    const lines = [
      ...changes.remove.filter((r) => familyOf(r) === family).map(({ to, via }) => `route del ${to} via ${via} proto ${protocol}`),
      ...changes.set.filter((r) => familyOf(r) === family).map(({ to, via }) => `route replace ${to} via ${via} proto ${protocol}`),
    ];
    if (lines.length === 0) continue;
    const argv: Argv = ['ip', family, '-force', '-batch', '-'];
    const { stderr } = await run(argv, { signal, input: `${lines.join('\n')}\n`, okCodes: [1, 2, 255] });
    refused.push(...refusals(stderr, lines));
  }
  if (refused.length > 0) throw new AppError('ROUTES_FAILED', `The kernel refused ${refused.join('; ')}`, { refused: refused.length });
}

/** Pure. `ip -batch` says why, and then "Command failed -:2" with the number of the line. */
export function refusals(stderr: string, lines: readonly string[]): readonly string[] {
  const refused: string[] = [];
  let why = 'no reason given';
  for (const line of stderr.split('\n')) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1];
    if (number === undefined) why = line.replace(/^(RTNETLINK answers|Error): /, '').replace(/\.$/, '') || why;
    else refused.push(`"${lines[Number(number) - 1] ?? line}": ${why}`);
  }
  return refused;
}
