/**
 * Keeps maintainer scripts from starting the services of packages that are installed meanwhile. Services that already run are
 * treated as ever: an upgrade may restart them.
 *
 * Debian asks /usr/sbin/policy-rc.d before any such start. Where the machine has one it is asked first, and ours lies over it in a
 * mount namespace that only this installation sees. Where there is none, ours is there for the time being, and is void, and
 * removes itself, once this process is gone: a kill at the wrong moment leaves nothing that acts.
 * Source: invoke-rc.d(8), deb-systemd-invoke(1p): exit code 0 allows, 101 forbids; the arguments are service, actions, runlevel.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Argv } from '../linux/exec.ts';
import { identify, type ProcessId } from '../linux/proc.ts';

const POLICY = '/usr/sbin/policy-rc.d';

/** Pure. first: a policy to ask before ours. */
export function policyScript({ pid, startTicks }: ProcessId, first?: string): string {
  return `#!/bin/sh
# Written by kijabi for as long as its process ${pid} installs packages.
start=$(sed 's/.*) //' /proc/${pid}/stat 2>/dev/null | cut -d ' ' -f 20)
if [ "$start" != ${startTicks} ]; then rm -f "$0"; exit 0; fi
${first === undefined ? '' : `'${first}' "$@" || exit $?\n`}case "$2" in
  *start*) systemctl is-active --quiet "$1" 2>/dev/null || exit 101 ;;
esac
exit 0
`;
}

/** work wraps the commands that install. */
export async function withServicesHeld<T>(signal: AbortSignal, work: (wrap: (argv: Argv) => Argv) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const self = identify(process.pid);
  if (!existsSync(POLICY)) {
    writeFileSync(POLICY, policyScript(self), { mode: 0o755, flag: 'wx' });
    try {
      return await work((argv) => argv);
    } finally {
      rmSync(POLICY, { force: true });
    }
  }
  const directory = mkdtempSync(join(tmpdir(), 'kijabi-policy-'));
  try {
    const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
    writeFileSync(ours, policyScript(self, theirs), { mode: 0o755 });
    // A copy of theirs by its mount: it may be a link, and it may change.
    writeFileSync(theirs, '', { mode: 0o755 });
    const script = `mount --bind ${POLICY} ${theirs} && mount --bind ${ours} ${POLICY} && exec "$@"`;
    return await work((argv) => ['unshare', '--mount', '--propagation', 'slave', '--', 'sh', '-c', script, 'sh', ...argv]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
