/**
 * The first two steps of a start: is this machine fit for a node, and what has to be installed.
 * Throws: MACHINE_UNFIT with every problem in one list, PACKAGES_*.
 */
import { AppError } from '#base/errors.ts';
import { lookAtMachine, systemdRuns } from './facts.ts';
import { installPackages, missingPackages, NODE_PACKAGES } from './packages.ts';
import { judge, summary, type Finding } from './preflight.ts';
import type { Report } from './progress.ts';
import type { Told } from './steps.ts';

export interface MachineOptions {
  readonly signal: AbortSignal;
  readonly report: Report;
}

export async function checkMachine({ signal, report }: MachineOptions): Promise<Told<void>> {
  const facts = await lookAtMachine(missingPackages(NODE_PACKAGES), signal);
  refuseUnfit(judge(facts), report);
  return { value: undefined, text: summary(facts) };
}

function refuseUnfit(findings: readonly Finding[], report: Report): void {
  for (const { kind, what, fix } of findings) if (kind === 'note') report({ kind: 'note', text: `${what}: ${fix}` });
  const blocking = findings.filter(({ kind }) => kind === 'blocks');
  if (blocking.length === 0) return;
  const list = blocking.map(({ what, fix }) => `\n  - ${what}\n    ${fix}`).join('');
  const next = blocking.map(({ fix }) => fix).join('; ');
  throw new AppError(
    'MACHINE_UNFIT',
    `A node cannot run here, ${blocking.length} ${blocking.length === 1 ? 'problem' : 'problems'}:${list}`,
    { next },
  );
}

export async function providePackages({ signal, report }: MachineOptions, going: (text: string) => void): Promise<Told<void>> {
  const missing = missingPackages(NODE_PACKAGES);
  if (missing.length === 0) return { value: undefined, text: `all ${NODE_PACKAGES.length} are installed` };
  going(`Installing ${missing.join(', ')}`);
  await installPackages(missing, { signal, onProgress: ({ percent, text }) => going(`${percent} % ${text}`) });
  // What could not be tried without them.
  refuseUnfit(judge(await lookAtMachine(missingPackages(NODE_PACKAGES), signal)), report);
  // Debian enables them; only not starting them now is in our hands.
  const services = systemdRuns() && missing.includes('containerd') ? '; containerd.service is not started before the next boot' : '';
  return { value: undefined, text: `installed ${missing.join(', ')}${services}` };
}
