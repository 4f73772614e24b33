/** The checks that init and join begin with: is this host fit for what it is to become. Nothing is changed. Throws AppError PREFLIGHT. */
import type { Io } from '../io.ts';
import { observeHost } from './observe.ts';
import { preflightProblems, throwIfUnfit } from './preflight.ts';

export const API_SERVER = 'kube-apiserver.service';
const CONTROLLERS = 'kube-controller-manager.service';
const SCHEDULER = 'kube-scheduler.service';
const ETCD = 'etcd.service';
export const CONTROL_PLANE: readonly string[] = [API_SERVER, CONTROLLERS, SCHEDULER];
const NODE: readonly string[] = ['kubelet.service', 'kube-proxy.service'];

export interface Role {
  /** undefined: it becomes a node only. */
  readonly controlPlane: { readonly apiPort: number; readonly hasEtcd: boolean } | undefined;
  /** Files that must not be there. */
  readonly absent: readonly string[];
}

/** ignored: lists of names, with commas, as --ignore-preflight-errors takes them. */
export async function checkHost({ controlPlane, absent }: Role, ignored: readonly string[], io: Io): Promise<void> {
  io.out('[preflight] Running pre-flight checks\n');
  const wanted =
    controlPlane === undefined
      ? { services: NODE, ports: {} }
      : {
          services: [...CONTROL_PLANE, ...NODE],
          ports: {
            [controlPlane.apiPort]: API_SERVER,
            10257: CONTROLLERS,
            10259: SCHEDULER,
            ...(controlPlane.hasEtcd ? { 2379: ETCD, 2380: ETCD } : {}),
          },
        };
  const problems = preflightProblems(await observeHost({ ...wanted, absent }, io.signal));
  const names = ignored.flatMap((list) => list.split(','));
  for (const { name, text } of throwIfUnfit(problems, names)) io.err(`\t[WARNING ${name}]: ${text}\n`);
}
