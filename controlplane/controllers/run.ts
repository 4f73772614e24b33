/** Controllers that run together in one process, and their shared parts. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { QueueMetrics } from '#base/queueMetrics.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import type { EventMetrics } from '#client/eventMetrics.ts';
import { EventRecorder } from '#client/events.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/rest.ts';
import { AccountTokens } from './accountTokens.ts';
import type { Controller, ControllerDeps } from './controller.ts';
import type { Parts } from './parts.ts';
import { CONTROLLERS, type Registered } from './registry.ts';

export interface ControllersOptions {
  readonly config: ClientConfig;
  readonly parts?: Parts;
  /** Default: all that are on by themselves. */
  readonly isOn?: (controller: Registered) => boolean;
  /** Each controller writes as its own service account (default), or all as who config says. */
  readonly writeAs?: 'accounts' | 'self';
  readonly qps?: number;
  readonly burst?: number;
  readonly queues?: QueueMetrics;
  readonly eventMetrics?: EventMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

const AGENT = 'kube-controller-manager';

/** Resolves when the signal aborts. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const {
    config,
    parts = {},
    isOn = ({ isOff }) => isOff !== true,
    writeAs = 'accounts',
    qps = 20,
    burst = 30,
    queues,
    eventMetrics,
    clock,
    log,
  } = options;
  const own = connect({ config, clock, log, userAgent: AGENT, qps, burst });
  const tokens = new AccountTokens(own, clock, signal);
  const clients = new Map<string, Client>();
  const recorders: EventRecorder[] = [];
  const clientAs: ControllerDeps['clientAs'] = (account, boost = { qps: 1, burst: 1 }) => {
    if (writeAs === 'self') return own;
    const there = clients.get(account);
    if (there !== undefined) return there;
    const { server, ca, insecureSkipTlsVerify, tlsServerName, namespace } = config;
    const as: ClientConfig = {
      server,
      namespace,
      token: tokens.of(account),
      ...(ca === undefined ? {} : { ca }),
      ...(insecureSkipTlsVerify === undefined ? {} : { insecureSkipTlsVerify }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
    };
    const userAgent = `${AGENT}/system:serviceaccount:kube-system:${account}`;
    const client = connect({ config: as, clock, log, userAgent, qps: qps * boost.qps, burst: burst * boost.burst });
    clients.set(account, client);
    return client;
  };
  const deps: ControllerDeps = {
    informers: new Informers(own, log, withoutManagers),
    own,
    clientAs,
    eventsOf: (component, account) => {
      const recorder = new EventRecorder({ client: clientAs(account), clock, log, metrics: eventMetrics, component });
      recorders.push(recorder);
      return recorder;
    },
    queues,
    clock,
    log,
  };
  const controllers: Controller[] = CONTROLLERS.filter(isOn).flatMap(({ make }) => make(deps, parts) ?? []);
  try {
    await Promise.all([
      deps.informers.run(signal),
      ...recorders.map((recorder) => recorder.run(signal)),
      ...controllers.map((controller) => controller.run(signal)),
    ]);
  } finally {
    for (const client of [own, ...clients.values()]) client.close();
  }
}

/** Nobody here looks at who wrote which field; the server keeps that by itself when an object is written back without it. */
function withoutManagers<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
