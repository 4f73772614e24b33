/**
 * What a node could leave on the host or change on it, as text to compare: rules, routes, links, sysctls as they are, and of mounts,
 * namespaces, cgroups, files and processes those that carry the node's name.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../linux/exec.ts';
import { allProcesses } from '../linux/proc.ts';

export type Snapshot = Readonly<Record<string, string>>;

const ROUTES = ['ip', '-j', 'route', 'show', 'table', 'all'] as const;

/** names: of nodes, whose traces are looked for. */
export async function snapshot(names: readonly string[]): Promise<Snapshot> {
  const [iptables, nft, routes, rules, links] = await Promise.all([
    run(['sh', '-c', 'iptables-save; ip6tables-save; iptables-legacy-save 2>/dev/null || true']),
    run(['nft', 'list', 'ruleset']),
    run(ROUTES),
    run(['ip', '-j', 'rule']),
    run(['ip', '-j', 'addr']),
  ]);
  return {
    // Counters, and the time in comments.
    iptables: iptables.stdout.replaceAll(/^#.*\n?|\[\d+:\d+\]/gm, ''),
    nft: nft.stdout,
    routes: routes.stdout,
    rules: rules.stdout,
    links: links.stdout.replaceAll(/"(valid|preferred)_life_time":\d+/g, ''),
    sysctls: sysctls('/proc/sys/net').join('\n'),
    netns: filter(list('/run/netns'), names),
    mounts: filter(readFileSync('/proc/self/mountinfo', 'utf8').split('\n'), names),
    cgroups: filter(
      list('/sys/fs/cgroup').flatMap((tree) => [tree, ...list(join('/sys/fs/cgroup', tree))]),
      names,
    ),
    files: filter([...list('/run/kijabi'), ...list('/var/lib/kijabi')], names),
    processes: filter(
      allProcesses().map(({ pid }) => commandLine(pid)),
      names,
    ),
  };
}

function filter(lines: readonly string[], names: readonly string[]): string {
  return lines.filter((line) => names.some((name) => line.includes(name))).join('\n');
}

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Settings, not counters; those of devices that other namespaces lend to the host for a moment are not there to compare. */
function sysctls(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !/conntrack_count|_stats$|flush$/.test(name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return sysctls(path);
      try {
        return [`${path}=${readFileSync(path, 'utf8').trim()}`];
      } catch {
        return []; // write-only
      }
    });
}
