/**
 * Every flag of upstream's kube-scheduler 1.36, and what becomes of it here. Data, pure.
 * Differs: flags win over the same field of --config; upstream ignores some of them beside a file.
 */
import { honoured, refused, type FlagTable } from '../../component/flagRows.ts';
import type { ProgramFlags } from '../../component/flags.ts';
import { sharedFlags } from '../../component/sharedFlags.ts';

const FLAGS: FlagTable = {
  ...sharedFlags({ port: 10_259, qps: 50, burst: 100, lease: 'kube-scheduler' }),
  config: honoured('string', '', 'FILE: a KubeSchedulerConfiguration'),
  socket: honoured('string', '', 'PATH: a unix socket for root alone, for kijabi explain scheduling'),
  plugins: honoured('list', '', 'FILE[,FILE]: modules with plugins of your own (controlplane/scheduler/README.md)'),
  'write-config-to': refused('string', 'the defaults are in controlplane/scheduler/README.md'),
  'pod-max-in-unschedulable-pods-duration': honoured('duration', '5m0s', 'DURATION: after which a pod is tried again without a reason'),
};

export const PROGRAM: ProgramFlags = {
  program: 'kube-scheduler',
  about: 'Gives each pod a node.',
  table: FLAGS,
};
