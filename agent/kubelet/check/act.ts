/** `kubelet --check`, and what a kubelet that starts makes of the same verdicts. */
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { readMachine } from '../../linux/machine.ts';
import type { Flags } from '../config/flags.ts';
import { readConfiguration, type Configuration } from '../config/observe.ts';
import type { CgroupDriver } from '../pods/cgroupNames.ts';
import { lookAround } from './observe.ts';
import { exitCodeOf, judge, judgeDriver, verdictLines, type Verdict } from './verdicts.ts';

export interface Checked {
  readonly text: string;
  readonly exitCode: 0 | 1;
}

/** Starts nothing and changes nothing. */
export async function checkNode(flags: Flags, clock: Clock, signal: AbortSignal): Promise<Checked> {
  const verdicts = await verdictsOf(flags, clock, signal);
  const text = flags.json
    ? `${JSON.stringify({ ok: exitCodeOf(verdicts) === 0, checks: verdicts }, undefined, 2)}\n`
    : verdictLines(verdicts);
  return { text, exitCode: exitCodeOf(verdicts) };
}

async function verdictsOf(flags: Flags, clock: Clock, signal: AbortSignal): Promise<readonly Verdict[]> {
  let configuration: Configuration;
  try {
    configuration = await readConfiguration(flags);
  } catch (err) {
    const code = codeOf(err);
    if (!(err instanceof AppError) || code === undefined) throw err;
    // All else depends on it.
    return [{ check: 'config', outcome: 'failed', what: explain(err), fix: 'mend it; agent/kubelet/README.md lists every field', code }];
  }
  const { settings, files } = configuration;
  const nodeName = settings.hostnameOverride ?? (await readMachine()).hostname;
  return judge(await lookAround({ settings, configFiles: files, nodeName, clock, starting: false }, signal));
}

/** Throws the first verdict that makes a start useless; tells the others that want something. */
export async function checkStart(
  { settings, files }: Configuration,
  { nodeName, clock, log }: { readonly nodeName: string; readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const verdicts = judge(await lookAround({ settings, configFiles: files, nodeName, clock, starting: true }, signal));
  const [fatal, ...more] = verdicts.filter((v) => v.code !== undefined);
  if (fatal?.code !== undefined) {
    const others = more.length === 0 ? '' : ` (and ${more.length} more: kubelet --check lists them)`;
    throw new AppError(fatal.code, `${fatal.what}: ${fatal.fix ?? ''}${others}`);
  }
  tell(verdicts, log);
}

/** What only the runtime can say, once it answers. */
export function checkRuntime(
  runtime: { readonly name: string; readonly cgroupDriver?: CgroupDriver },
  ours: CgroupDriver,
  log: Logger,
): void {
  tell(judgeDriver(runtime.name, runtime.cgroupDriver, ours), log);
}

function tell(verdicts: readonly Verdict[], log: Logger): void {
  for (const { check, outcome, what, fix } of verdicts) if (outcome !== 'ok') log.warn('Check failed', { check, err: what, do: fix });
}
