/** `kijabi install`: makes the daemons services of this host, brings them up to date, or removes them. */
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { HOST_CRI, removePods } from '#agent/host/cri.ts';
import { installPackages, missingPackages, SERVICE_PACKAGES } from '#agent/host/packages.ts';
import { removeNetwork } from '#agent/network/act.ts';
import { LOGIND_CONF } from '#agent/linux/logind.ts';
import { unmountBelow } from '#agent/linux/mount.ts';
import { AppError } from '#base/errors.ts';
import { VERSION } from '#base/version.ts';
import { installProgram, removeIfEmpty, Systemd, takeSteps, writeRecord } from '#systemd/install/act.ts';
import { CONTAINERD_CONFIG, REGISTRIES } from '#systemd/install/containerdConfig.ts';
import { layoutOf, packagedLayout, PROGRAM, RECORD, ROLES, type Layout, type Role } from '#systemd/install/layout.ts';
import { checkHost, isBooted, look, observe, readRecord, recorded, seeRuntimeConfig } from '#systemd/install/observe.ts';
import { planInstall, planUninstall, staleUnits, type InstallPlan, type InstallRecord, type Step } from '#systemd/install/plan.ts';
import type { Command, Io } from './io.ts';

/** What it has gathered: only a purge takes it. The package's postrm has the same list. */
export const DATA: readonly string[] = [
  '/var/lib/kubelet',
  LOGIND_CONF,
  '/var/lib/kube-apiserver',
  '/var/lib/kube-proxy',
  '/etc/kubernetes',
  '/var/log/pods',
  '/var/log/kube-apiserver',
  '/var/cache/kijabi',
  '/var/lib/cni/networks/kijabi',
  '/etc/cni/net.d/10-kijabi.conflist',
];

export const USAGE = `Usage: kijabi install [--role ROLE] [--dry-run]
       kijabi install --uninstall [--purge] [--dry-run]

Makes the daemons services of this host (systemd), from this clone: the program goes to ${PROGRAM}, commands to /usr/local/bin, units to
/etc/systemd/system, commented configuration to /var/lib/kubelet, /etc/kubernetes and /etc/default. What containerd lacks is added to its
config.toml, in lines marked "# kijabi". Run again it brings everything up to date; pods go on while their kubelet is replaced. Configuration
that was changed by hand is kept.

      --role ROLE   node (default: kubelet, kube-proxy), control-plane (API server, scheduler, controller manager, DNS) or all
      --dry-run     say what would be changed, and change nothing
      --uninstall   stop the daemons and the pods, and remove what was installed; configuration that was changed by hand is kept
      --packaged    called by the Debian package: does what dpkg does not
      --purge       with --uninstall: also that, and the data (${DATA.join(', ')})
  -h, --help        print this
`;

const OPTIONS = {
  role: { type: 'string' },
  'dry-run': { type: 'boolean' },
  uninstall: { type: 'boolean' },
  purge: { type: 'boolean' },
  packaged: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const ROOT = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
const RUNTIME = 'containerd.service';

export const installCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  if (values.purge === true && values.uninstall !== true) throw new AppError('USAGE', '--purge goes with --uninstall');
  if (values.role !== undefined && values.uninstall === true)
    throw new AppError('USAGE', '--uninstall removes every role: leave --role out');
  const packaged = values.packaged === true;
  if (!packaged) await checkHost();
  const dryRun = values['dry-run'] === true;
  const record = await readRecord();
  if (record?.packaged === true && !packaged)
    throw new AppError(
      'INSTALL_BLOCKED',
      'Kijabi is here as a Debian package: apt-get install, remove and purge kijabi do what this would',
    );
  if (values.uninstall === true) return uninstall(io, record, { dryRun, purge: values.purge === true });
  if (packaged) return configurePackage(io, record);
  const role = values.role ?? record?.role ?? 'node';
  if (!isRole(role)) throw new AppError('USAGE', `--role: want ${ROLES.join(', ')}, got ${JSON.stringify(role)}`);
  return install(io, layoutOf(role), record, dryRun);
};

/** Packages that it needs are there, and so is the program. */
async function configurePackage(io: Io, record: InstallRecord | undefined): Promise<number> {
  const layout = packagedLayout();
  const plan = planInstall(await observe(layout, record, ROOT));
  throwIfBlocked(plan, io);
  for (const step of plan.steps) io.out(`  ${lineOf(step)}\n`);
  const systemd = new Systemd(io.signal);
  await takeSteps(plan.steps, ROOT);
  await writeRecord({ version: VERSION, ...plan.record, packaged: true });
  await systemd.enable(layout.units);
  if (!isBooted()) return 0;
  await systemd.reload();
  await startRuntime(systemd, plan);
  await systemd.restart(layout.units);
  return 0;
}

function throwIfBlocked({ problems }: InstallPlan, io: Io): void {
  if (problems.length === 0) return;
  for (const problem of problems) io.err(`${problem}\n`);
  const what = problems.length === 1 ? 'One thing is' : `${problems.length} things are`;
  throw new AppError('INSTALL_BLOCKED', `${what} in the way; nothing was changed`);
}

const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text);

async function install(io: Io, layout: Layout, record: InstallRecord | undefined, dryRun: boolean): Promise<number> {
  const plan = planInstall(await observe(layout, record, ROOT));
  throwIfBlocked(plan, io);
  const packages = layout.role === 'control-plane' ? [] : missingPackages(SERVICE_PACKAGES);
  const fromClone = ROOT !== PROGRAM;
  announce(io, { plan, packages, fromClone, isUpdate: record !== undefined });
  if (dryRun) return 0;
  const systemd = new Systemd(io.signal);
  await installPackages(packages, { signal: io.signal });
  if (fromClone) await installProgram(ROOT);
  await systemd.remove(staleUnits(record, layout.units));
  await takeSteps(plan.steps, ROOT);
  await writeRecord({ version: VERSION, ...plan.record });
  await systemd.reload();
  await systemd.enable(layout.units);
  if (layout.role !== 'control-plane') await startRuntime(systemd, plan);
  await systemd.restart(layout.units);
  io.out(await summary(systemd, layout));
  return 0;
}

/** A runtime that runs is restarted only for its drop-in and its configuration; containers outlive that. */
async function startRuntime(systemd: Systemd, { steps }: InstallPlan): Promise<void> {
  const isChanged = steps.some((step) => step.kind === 'edit' || (step.kind === 'write' && step.path.includes('containerd.service.d')));
  await systemd.enable([RUNTIME]);
  if (isChanged || !(await systemd.isActive(RUNTIME))) await systemd.restart([RUNTIME]);
}

interface Announced {
  readonly plan: InstallPlan;
  readonly packages: readonly string[];
  readonly fromClone: boolean;
  readonly isUpdate: boolean;
}

function announce(io: Io, { plan, packages, fromClone, isUpdate }: Announced): void {
  io.out(`${isUpdate ? 'Updating' : 'Installing'} Kijabi ${VERSION} as ${plan.record.role}. This changes:\n`);
  if (packages.length > 0) io.out(`  install  ${packages.join(', ')} (apt)\n`);
  if (fromClone) io.out(`  replace  ${PROGRAM}\n`);
  for (const step of plan.steps) io.out(`  ${lineOf(step)}\n`);
  io.out(`  restart  ${plan.record.units.join(', ')}\n`);
}

function lineOf(step: Step): string {
  switch (step.kind) {
    case 'write':
      return `${step.isNew ? 'make   ' : 'update '}  ${step.path}`;
    case 'edit':
      return `edit     ${step.path} (${step.what})`;
    case 'link':
      return `link     ${step.path} -> ${step.target}`;
    case 'keep':
      return `keep     ${step.path} (${step.why})`;
    case 'remove':
      return `remove   ${step.path}`;
  }
}

async function summary(systemd: Systemd, { units, role }: Layout): Promise<string> {
  const states = await Promise.all(units.map(async (unit) => `${unit}: ${(await systemd.isActive(unit)) ? 'active' : 'not started'}`));
  const node = `
A pod from a manifest:  write a Pod into /etc/kubernetes/manifests; kubelet --check says what is wrong with it
How it is:              systemctl status kubelet, journalctl -u kubelet -f, kijabi get pods, kijabi events
A service address:      write a Service into /etc/kubernetes/services; kijabi explain service NAME`;
  const controlPlane = `
The control plane starts once it has certificates:  kijabi init, then systemctl restart kubernetes.target`;
  return `\n${states.join('\n')}\n${role === 'control-plane' ? '' : node}${role === 'node' ? '' : controlPlane}\n`;
}

interface Removal {
  readonly dryRun: boolean;
  readonly purge: boolean;
}

async function uninstall(io: Io, record: InstallRecord | undefined, { dryRun, purge }: Removal): Promise<number> {
  if (record === undefined) return (io.out(`Nothing is installed: there is no ${RECORD}\n`), 0);
  const runtime = record.role === 'control-plane' ? undefined : await seeRuntimeConfig();
  const steps = planUninstall(record, await look(recorded(record)), runtime);
  const kept = purge ? [] : steps.filter(({ kind }) => kind === 'keep');
  io.out(`Removing Kijabi ${record.version}. This changes:\n  stop     ${record.units.join(', ')}, and every pod\n`);
  for (const step of purge ? steps.filter(({ kind }) => kind !== 'keep') : steps) io.out(`  ${lineOf(step)}\n`);
  const program = record.packaged === true ? [] : [PROGRAM];
  // What was there before it was installed was never ours.
  const isOurs = (path: string): boolean => (record.files[path] ?? '') !== '';
  const changed = steps.flatMap((step) => (step.kind === 'keep' && isOurs(step.path) ? [step.path] : []));
  for (const path of [...program, '/var/lib/kijabi', ...(purge ? [...changed, ...DATA] : [])]) io.out(`  remove   ${path}\n`);
  if (dryRun) return 0;
  const systemd = new Systemd(io.signal);
  if (isBooted()) await systemd.remove(record.units.toReversed());
  else await systemd.disable(record.units);
  if (record.role !== 'control-plane') {
    await removePods(HOST_CRI, io);
    await unmountBelow('/var/lib/kubelet');
    await removeNetwork(io.signal);
  }
  await takeSteps(steps, ROOT);
  await removeIfEmpty(REGISTRIES);
  if (isBooted()) await systemd.daemonReload();
  // It goes on as its own configuration has it.
  if (isBooted() && steps.some(({ kind, path }) => kind !== 'keep' && path === CONTAINERD_CONFIG) && (await systemd.isActive(RUNTIME)))
    await systemd.restart([RUNTIME]);
  if (purge) for (const path of [...changed, ...DATA]) await rm(path, { recursive: true, force: true });
  // The record goes last but for ourselves: whoever interrupts us can begin again.
  await rm('/var/lib/kijabi', { recursive: true, force: true });
  for (const path of program) await rm(path, { recursive: true, force: true });
  io.out(
    kept.length === 0
      ? '\nEverything is removed. Debian packages stay.\n'
      : `\nRemoved, but for ${kept.map((step) => ('path' in step ? step.path : '')).join(', ')}. Debian packages stay.\n`,
  );
  return 0;
}
