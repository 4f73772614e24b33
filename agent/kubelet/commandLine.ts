/** What the kubelet was called for: help, its version, a check, or to run with a configuration. */
import type { Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import { RELEASE } from '#base/version.ts';
import { checkNode } from './check/act.ts';
import { parseFlags, USAGE } from './config/flags.ts';
import { readConfiguration, type Configuration } from './config/observe.ts';

/** The configuration to run with, or the exit code when all is said already. */
export async function answerCommandLine(argv: readonly string[], clock: Clock): Promise<Configuration | number> {
  try {
    const flags = parseFlags(argv);
    if (flags.help) return (process.stdout.write(USAGE), 0);
    if (flags.version) return (process.stdout.write(`Kubernetes ${RELEASE}\n`), 0);
    if (flags.check) {
      const { text, exitCode } = await checkNode(flags, clock, new AbortController().signal);
      return (process.stdout.write(text), exitCode);
    }
    if (process.getuid?.() !== 0) throw new AppError('NOT_ROOT', 'the kubelet makes control groups and mounts: run it as root');
    return await readConfiguration(flags);
  } catch (err) {
    process.stderr.write(`kubelet: ${explain(err)}\n`);
    return 1;
  }
}
