import { atomicList, field, int32, int64, intOrString, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const URIScheme = oneOf(['HTTP', 'HTTPS']);
export type URIScheme = Static<typeof URIScheme>;

export const HTTPHeader = object('io.k8s.api.core.v1.HTTPHeader', {
  name: required(string()),
  value: required(string()),
});
export interface HTTPHeader extends Static<typeof HTTPHeader> {}

export const HTTPGetAction = object('io.k8s.api.core.v1.HTTPGetAction', {
  path: string(undefined, { default: '/' }),
  port: required(intOrString()),
  host: string(),
  scheme: field(URIScheme, undefined, { default: 'HTTP' }),
  httpHeaders: atomicList(HTTPHeader),
});
export interface HTTPGetAction extends Static<typeof HTTPGetAction> {}

export const TCPSocketAction = object('io.k8s.api.core.v1.TCPSocketAction', {
  port: required(intOrString()),
  host: string(),
});
export interface TCPSocketAction extends Static<typeof TCPSocketAction> {}

export const GRPCAction = object('io.k8s.api.core.v1.GRPCAction', {
  port: required(int32()),
  service: string(undefined, { default: '' }),
});
export interface GRPCAction extends Static<typeof GRPCAction> {}

export const ExecAction = object('io.k8s.api.core.v1.ExecAction', {
  command: atomicList(string()),
});
export interface ExecAction extends Static<typeof ExecAction> {}

export const SleepAction = object('io.k8s.api.core.v1.SleepAction', {
  seconds: required(int64()),
});
export interface SleepAction extends Static<typeof SleepAction> {}

export const probeHandlerFields = {
  exec: ExecAction,
  httpGet: HTTPGetAction,
  tcpSocket: TCPSocketAction,
  grpc: GRPCAction,
};

export const Probe = object('io.k8s.api.core.v1.Probe', {
  ...probeHandlerFields,
  initialDelaySeconds: int32(),
  timeoutSeconds: int32(undefined, { default: 1, zeroIsUnset: true }),
  periodSeconds: int32(undefined, { default: 10, zeroIsUnset: true }),
  successThreshold: int32(undefined, { default: 1, zeroIsUnset: true }),
  failureThreshold: int32(undefined, { default: 3, zeroIsUnset: true }),
  terminationGracePeriodSeconds: int64(),
});
export interface Probe extends Static<typeof Probe> {}

export const LifecycleHandler = object('io.k8s.api.core.v1.LifecycleHandler', {
  exec: ExecAction,
  httpGet: HTTPGetAction,
  tcpSocket: TCPSocketAction,
  sleep: SleepAction,
});
export interface LifecycleHandler extends Static<typeof LifecycleHandler> {}

export const Signal = oneOf([
  'SIGABRT',
  'SIGALRM',
  'SIGBUS',
  'SIGCHLD',
  'SIGCLD',
  'SIGCONT',
  'SIGFPE',
  'SIGHUP',
  'SIGILL',
  'SIGINT',
  'SIGIO',
  'SIGIOT',
  'SIGKILL',
  'SIGPIPE',
  'SIGPOLL',
  'SIGPROF',
  'SIGPWR',
  'SIGQUIT',
  'SIGSEGV',
  'SIGSTKFLT',
  'SIGSTOP',
  'SIGSYS',
  'SIGTERM',
  'SIGTRAP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGUSR1',
  'SIGUSR2',
  'SIGVTALRM',
  'SIGWINCH',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGRTMIN',
  'SIGRTMIN+1',
  'SIGRTMIN+2',
  'SIGRTMIN+3',
  'SIGRTMIN+4',
  'SIGRTMIN+5',
  'SIGRTMIN+6',
  'SIGRTMIN+7',
  'SIGRTMIN+8',
  'SIGRTMIN+9',
  'SIGRTMIN+10',
  'SIGRTMIN+11',
  'SIGRTMIN+12',
  'SIGRTMIN+13',
  'SIGRTMIN+14',
  'SIGRTMIN+15',
  'SIGRTMAX-14',
  'SIGRTMAX-13',
  'SIGRTMAX-12',
  'SIGRTMAX-11',
  'SIGRTMAX-10',
  'SIGRTMAX-9',
  'SIGRTMAX-8',
  'SIGRTMAX-7',
  'SIGRTMAX-6',
  'SIGRTMAX-5',
  'SIGRTMAX-4',
  'SIGRTMAX-3',
  'SIGRTMAX-2',
  'SIGRTMAX-1',
  'SIGRTMAX',
]);
export type Signal = Static<typeof Signal>;

export const Lifecycle = object('io.k8s.api.core.v1.Lifecycle', {
  postStart: LifecycleHandler,
  preStop: LifecycleHandler,
  stopSignal: Signal,
});
export interface Lifecycle extends Static<typeof Lifecycle> {}
