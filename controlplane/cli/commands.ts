/** The commands of kijabi. Each is loaded when it is called: `kijabi env` does not wait for the rest. */
import type { Command } from './io.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'start',
    summary: 'start an isolated node here and run a static nginx pod on it',
    load: async () => (await import('./start.ts')).startCommand,
  },
  {
    name: 'up',
    summary: 'start an isolated node with an API server that it joins, for kubectl',
    load: async () => (await import('./start.ts')).upCommand,
  },
  {
    name: 'down',
    summary: 'stop an isolated node and remove every trace of it',
    load: async () => (await import('./down.ts')).downCommand,
  },
  { name: 'env', summary: 'print shell exports of the running node', load: async () => (await import('./env.ts')).envCommand },
  { name: 'get', summary: 'show the pods of a node, or the node', load: async () => (await import('./get.ts')).getCommand },
  { name: 'describe', summary: 'show everything about a pod', load: async () => (await import('./describe.ts')).describeCommand },
  {
    name: 'explain',
    summary: 'say which rules serve a service, and where a packet goes',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  { name: 'logs', summary: 'show what a container wrote', load: async () => (await import('./logs.ts')).logsCommand },
  {
    name: 'apiserver',
    summary: 'start an API server on loopback to try things with (--dev)',
    load: async () => (await import('./apiserver.ts')).apiserverCommand,
  },
  {
    name: 'init',
    summary: 'make a cluster: certificates, kubeconfig files, the control plane',
    load: async () => (await import('./init.ts')).initCommand,
  },
  { name: 'join', summary: 'make this host a node of a cluster', load: async () => (await import('./join.ts')).joinCommand },
  {
    name: 'token',
    summary: 'make, list and delete tokens by which nodes join',
    load: async () => (await import('./token.ts')).tokenCommand,
  },
  { name: 'reset', summary: 'take this host out of its cluster', load: async () => (await import('./reset.ts')).resetCommand },
  {
    name: 'install',
    summary: 'make the daemons services of this host, update or remove them',
    load: async () => (await import('./install.ts')).installCommand,
  },
  {
    name: 'certs',
    summary: 'say when certificates end, and renew them',
    load: async () => (await import('./certs.ts')).certsCommand,
  },
  { name: 'events', summary: 'show what happened to the pods of a node', load: async () => (await import('./events.ts')).eventsCommand },
  { name: 'top', summary: 'show what pods and the node use', load: async () => (await import('./top.ts')).topCommand },
  {
    name: 'doctor',
    summary: 'say whether a kubelet can work here, and what to do when not',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'manifests',
    summary: 'say what the kubelet would refuse of manifests',
    load: async () => (await import('./manifests.ts')).manifestsCommand,
  },
  {
    name: 'exec',
    summary: 'run a command in a container',
    load: async () => (await import('./exec.ts')).execCommand,
  },
  {
    name: 'attach',
    summary: 'join the main process of a container',
    load: async () => (await import('./exec.ts')).attachCommand,
  },
  {
    name: 'port-forward',
    summary: 'lead local ports to ports of a pod',
    load: async () => (await import('./portForward.ts')).portForwardCommand,
  },
  {
    name: 'history',
    summary: 'show the versions of an object: who changed which fields and when',
    load: async () => (await import('./history.ts')).historyCommand,
  },
  {
    name: 'simulate',
    summary: 'make nodes that are nothing but objects, to try scheduling and controllers',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  {
    name: 'etcd',
    summary: 'save, inspect and restore the state of an API server; move it between the embedded store and etcd',
    load: async () => (await import('./etcd.ts')).etcdCommand,
  },
  {
    name: 'images',
    summary: 'build images from Debian packages, load or serve them',
    load: async () => (await import('./images.ts')).imagesCommand,
  },
];

export function usage(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `Usage: kijabi COMMAND [arguments]

Kubernetes for Linux: runs containers from manifests, and explains itself.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

kijabi COMMAND --help says more. kijabi --version prints the version.
`;
}

/** Pure: the name nearest to what was typed, if it is near. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const begun = typed.length >= 2 ? names.find((name) => name.startsWith(typed)) : undefined;
  if (begun !== undefined) return begun;
  const near = names
    .map((name) => ({ name, edits: distance(typed, name) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(name.length / 3)));
  return near.sort((a, b) => a.edits - b.edits)[0]?.name;
}

/** Single-letter edits, a swap of neighbours counted as one (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same, swap ? at(i - 2, j - 2) + 1 : Infinity);
    }
  }
  return at(a.length, b.length);
}
