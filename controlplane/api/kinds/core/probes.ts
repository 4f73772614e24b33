import { atomicList, field, int32, int64, intOrString, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const URIScheme = oneOf(['HTTP', 'HTTPS']);
export type URIScheme = Static<typeof URIScheme>;

export const HTTPHeader = object('io.k8s.api.core.v1.HTTPHeader', {
  name: required(string('Name of the header')),
  value: required(string('Value of the header')),
});
export interface HTTPHeader extends Static<typeof HTTPHeader> {}

export const HTTPGetAction = object('io.k8s.api.core.v1.HTTPGetAction', {
  path: string('Path to ask for', { default: '/' }),
  port: required(intOrString('Number or name of the port')),
  host: string('Host to connect to; the pod when left out'),
  scheme: field(URIScheme, 'HTTP or HTTPS; certificates are not checked', { default: 'HTTP' }),
  httpHeaders: atomicList(HTTPHeader, 'Headers to send'),
});
export interface HTTPGetAction extends Static<typeof HTTPGetAction> {}

export const TCPSocketAction = object('io.k8s.api.core.v1.TCPSocketAction', {
  port: required(intOrString('Number or name of the port')),
  host: string('Host to connect to; the pod when left out'),
});
export interface TCPSocketAction extends Static<typeof TCPSocketAction> {}

export const GRPCAction = object('io.k8s.api.core.v1.GRPCAction', {
  port: required(int32('Number of the port')),
  service: string('Name asked for in the health check', { default: '' }),
});
export interface GRPCAction extends Static<typeof GRPCAction> {}

export const ExecAction = object('io.k8s.api.core.v1.ExecAction', {
  command: atomicList(string(), 'Program and arguments, run in the container without a shell'),
});
export interface ExecAction extends Static<typeof ExecAction> {}

export const SleepAction = object('io.k8s.api.core.v1.SleepAction', {
  seconds: required(int64('How long to wait')),
});
export interface SleepAction extends Static<typeof SleepAction> {}

export const probeHandlerFields = {
  exec: field(ExecAction, 'Good when the program ends with 0'),
  httpGet: field(HTTPGetAction, 'Good when the answer is 200-399'),
  tcpSocket: field(TCPSocketAction, 'Good when the port can be opened'),
  grpc: field(GRPCAction, 'Good when the health service says SERVING'),
};

export const Probe = object(
  'io.k8s.api.core.v1.Probe',
  {
    ...probeHandlerFields,
    initialDelaySeconds: int32('Wait before the first time'),
    timeoutSeconds: int32('Longest time for an answer', { default: 1, zeroIsUnset: true }),
    periodSeconds: int32('Time between two askings', { default: 10, zeroIsUnset: true }),
    successThreshold: int32('Good answers in a row that count', { default: 1, zeroIsUnset: true }),
    failureThreshold: int32('Bad answers in a row that count', { default: 3, zeroIsUnset: true }),
    terminationGracePeriodSeconds: int64('Time to end after this probe failed'),
  },
  { doc: 'Asks a container, again and again, how it is.' },
);
export interface Probe extends Static<typeof Probe> {}

export const LifecycleHandler = object('io.k8s.api.core.v1.LifecycleHandler', {
  exec: field(ExecAction, 'Run a program in the container'),
  httpGet: field(HTTPGetAction, 'Send an HTTP request'),
  tcpSocket: field(TCPSocketAction, 'No longer works'),
  sleep: field(SleepAction, 'Wait'),
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

export const Lifecycle = object(
  'io.k8s.api.core.v1.Lifecycle',
  {
    postStart: field(LifecycleHandler, 'Right after it started'),
    preStop: field(LifecycleHandler, 'Before it is told to end'),
    stopSignal: field(Signal, 'Signal that tells it to end'),
  },
  { doc: "What happens around a container's life." },
);
export interface Lifecycle extends Static<typeof Lifecycle> {}
