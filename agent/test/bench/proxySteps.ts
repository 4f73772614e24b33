/** What the benchmarks of the modes with resident or many tools have in common: their figures, and how a single change is measured. */
import { median, type Cost } from './report.ts';

export interface ModeFigures {
  readonly bytes: number;
  readonly full: { readonly ours: Cost; readonly planMs: number; readonly bare: Cost };
  /** A restart over rules that are right already. */
  readonly resync: Cost;
  readonly oneService: StepFigures;
  readonly oneEndpoint: StepFigures;
  readonly comeAndGo: StepFigures;
  /** Growth of this process while it holds the services; the services themselves are in it. */
  readonly rssMb: number;
}

export interface StepFigures {
  readonly wallMs: number;
  /** CPU of this process, the tool's not counted. */
  readonly cpuMs: number;
  readonly lines: number;
}

/** What one change costs; the first few are left out, they warm the session up. */
export async function stepsOf(rounds: number, step: (round: number) => Promise<number>): Promise<StepFigures> {
  const wall: number[] = [];
  const cpu: number[] = [];
  let lines = 0;
  for (let round = 0; round < 2 * Math.ceil(rounds / 2) + 4; round++) {
    const before = process.cpuUsage();
    const start = performance.now();
    lines = await step(round);
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    if (round < 4) continue;
    wall.push(ms);
    cpu.push((user + system) / 1_000);
  }
  return { wallMs: median(wall), cpuMs: median(cpu), lines };
}
