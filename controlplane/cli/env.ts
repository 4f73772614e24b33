/** `kijabi env`: shell exports that lead other tools to the running node: eval "$(npx kijabi env)". Nothing else goes to stdout. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { ownerRuns, readState } from '#agent/host/state.ts';
import { netnsPath } from '#agent/linux/netns.ts';
import { AppError } from '#base/errors.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: eval "$(kijabi env [--name NAME])"

Prints shell exports of the running node:

  KIJABI_NODE                 its name
  KIJABI_NETNS                its network namespace: nsenter --net=$KIJABI_NETNS COMMAND
  KIJABI_MANIFESTS            the directory its kubelet reads manifests from
  KIJABI_SERVICES             the directory its service proxy reads services from
  KIJABI_PROXY                the service proxy's socket
  KIJABI_KUBELET              the kubelet's socket
  CONTAINER_RUNTIME_ENDPOINT  its containerd, as crictl wants it
  CONTAINERD_ADDRESS          its containerd, as ctr wants it (with CONTAINERD_NAMESPACE)
  KUBECONFIG                  the administrator's, where the node has an API server (kijabi up)
`;

const OPTIONS = { name: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

export const envCommand: Command = (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return Promise.resolve((io.out(USAGE), 0));
  const name = values.name ?? DEFAULT_NODE;
  io.out(exportsOf(variablesOf(name)));
  return Promise.resolve(0);
};

function variablesOf(name: string): Readonly<Record<string, string>> {
  const paths = nodePaths(name);
  const state = readState(paths.stateFile);
  if (state === undefined || !ownerRuns(state)) {
    const flag = name === DEFAULT_NODE ? '' : ` --name ${name}`;
    throw new AppError('NODE_MISSING', `No node ${name} runs here: start it with kijabi start${flag}`);
  }
  return {
    KIJABI_NODE: name,
    KIJABI_NETNS: netnsPath(paths.netns),
    KIJABI_MANIFESTS: state.manifestsDir,
    KIJABI_SERVICES: state.servicesDir,
    KIJABI_PROXY: paths.proxySocket,
    KIJABI_KUBELET: paths.kubeletSocket,
    CONTAINER_RUNTIME_ENDPOINT: `unix://${paths.containerdSocket}`,
    CONTAINERD_ADDRESS: paths.containerdSocket,
    CONTAINERD_NAMESPACE: 'k8s.io',
    ...(existsSync(paths.kubeconfig) ? { KUBECONFIG: paths.kubeconfig } : {}),
  };
}

/** Single quotes: a directory of the user's may have any name. */
function exportsOf(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('');
}
