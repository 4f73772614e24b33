/** `kijabi doctor`: `kubelet --check` for the isolated node when it runs, else for this host, with the configuration it has. */
import { existsSync } from 'node:fs';
import { inNode } from '#agent/host/enter.ts';
import { kubeletCommand } from '#agent/host/kubelet.ts';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { ownerRuns, readSaneState } from '#agent/host/state.ts';
import { run, type Argv } from '#agent/linux/exec.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi doctor [--json] [flags of the kubelet]

Says whether a kubelet can work: a line for each of user, config, cgroups, runtime, CNI, ports, certificates, clock, disk, DNS and
manifests, with what to do. Ends with 0 when it can, with 1 when something has to be mended. Starts nothing, changes nothing.

Without flags of the kubelet: the isolated node if it runs, else this host with /var/lib/kubelet/config.yaml.
`;

const LAUNCHER = new URL('../../agent/kubelet/kubelet', import.meta.url).pathname;
const HOST_CONFIG = '/var/lib/kubelet/config.yaml';
const HOST_MANIFESTS = '/etc/kubernetes/manifests';

export const doctorCommand: Command = async (argv, io) => {
  if (argv.includes('--help') || argv.includes('-h')) return (io.out(USAGE), 0);
  const flags = argv.filter((arg) => arg !== '--json');
  const check = ['--check', ...(flags.length < argv.length ? ['--json'] : [])];
  const { stdout, stderr, exitCode } = await run(commandOf(flags, check, io), { signal: io.signal, okCodes: [1] });
  if (stdout !== '') io.out(`${stdout}\n`);
  if (stderr !== '') io.err(`${stderr}\n`);
  return exitCode;
};

function commandOf(flags: readonly string[], check: readonly string[], io: Io): Argv {
  if (flags.length > 0) return [LAUNCHER, ...check, ...flags];
  const paths = nodePaths(io.env['KIJABI_NODE'] ?? DEFAULT_NODE);
  const state = readSaneState(paths.stateFile);
  const holder = state === undefined || !ownerRuns(state) ? undefined : state.processes.holder;
  if (state !== undefined && holder !== undefined) {
    const [program, ...args] = kubeletCommand(paths, state.nodeName);
    return inNode(paths.netns, holder.pid, [program, ...check, ...args]);
  }
  return [LAUNCHER, ...check, ...(existsSync(HOST_CONFIG) ? ['--config', HOST_CONFIG] : ['--pod-manifest-path', HOST_MANIFESTS])];
}
