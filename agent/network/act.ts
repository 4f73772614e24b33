/** Carries out what planNetwork says. Throws: SYSCTL_FAILED, EXEC_FAILED, ROUTES_FAILED. */
import { join } from 'node:path';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { run } from '../linux/exec.ts';
import { changeRoutes, listRoutes } from '../linux/routes.ts';
import { ensureSysctl } from '../linux/sysctl.ts';
import { BRIDGE, CNI_CONFIG_FILE } from './cni.ts';
import { ROUTE_PROTOCOL, type Place } from './observe.ts';
import type { Action } from './plan.ts';
import { FAMILIES, TABLE } from './rules.ts';

export async function act(action: Action, { cniConfDir, log }: Place & { readonly log: Logger }, signal: AbortSignal): Promise<void> {
  switch (action.kind) {
    case 'enableForwarding':
      for (const name of action.settings) {
        await ensureSysctl(name, '1');
        log.info('Set kernel setting', { name, value: 1, because: 'packets of pods are passed on' });
      }
      return;
    case 'writeRules':
      // With nothing to say there may still be the table of another network.
      if (action.text !== '') await run(['nft', '-f', '-'], { input: action.text, signal });
      return;
    case 'changeRoutes':
      await changeRoutes(action, ROUTE_PROTOCOL, signal);
      for (const { to, via } of action.set) log.info('Set route', { to, via });
      for (const { to, via } of action.remove) log.info('Removed route', { to, via });
      return;
    case 'writeCni': {
      const path = join(cniConfDir, CNI_CONFIG_FILE);
      await replaceFile(path, action.text, { mode: 0o644, dirMode: 0o755 });
      return log.info('Wrote the pods’ network for the runtime', { file: path });
    }
    default:
      return action satisfies never;
  }
}

/** Takes it off a machine that leaves its cluster, all but the configuration of the runtime. The daemon is stopped, and pods are gone. */
export async function removeNetwork(signal: AbortSignal): Promise<void> {
  // 1: there is none
  for (const family of FAMILIES) await run(['nft', 'delete', 'table', family, TABLE], { signal, okCodes: [1] });
  await changeRoutes({ set: [], remove: await listRoutes(ROUTE_PROTOCOL, signal) }, ROUTE_PROTOCOL, signal);
  await run(['ip', 'link', 'delete', BRIDGE], { signal, okCodes: [1] });
}
