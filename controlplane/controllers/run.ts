/**
 * Controllers that run together in one process: which there are, and their shared parts. Names are those of --controllers.
 * They run within the API server's process until there is a controller manager, which takes them as they are.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/rest.ts';
import type { Controller, ControllerDeps } from './controller.ts';
import { csrApprovingController } from './csrApproving/reconcile.ts';
import { csrCleaningController } from './csrCleaning/reconcile.ts';
import { csrSigningController, type SigningOptions } from './csrSigning/reconcile.ts';
import { endpointSliceMirroringController } from './endpointSliceMirroring/reconcile.ts';
import { rootCaController } from './rootCa/reconcile.ts';
import { serviceAccountController } from './serviceAccount/reconcile.ts';

export interface ControllersOptions {
  /** Somebody who may impersonate: each controller writes as its own service account. */
  readonly config: ClientConfig;
  /** PEM; absent: no kube-root-ca.crt is published. */
  readonly rootCa?: string | undefined;
  /** Absent: nothing is signed. */
  readonly signing?: SigningOptions | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const READER = 'system:kube-controller-manager';

/** Resolves when the signal aborts. */
export async function runControllers({ config, rootCa, signing, clock, log }: ControllersOptions, signal: AbortSignal): Promise<void> {
  const clients: Client[] = [];
  const clientFor = (user: string, groups: readonly string[] = []): Client => {
    const impersonate = { user, groups, extra: {} };
    const client = connect({ config: { ...config, impersonate }, clock, log, userAgent: 'kube-controller-manager', qps: 20, burst: 30 });
    clients.push(client);
    return client;
  };
  const deps: ControllerDeps = {
    informers: new Informers(clientFor(READER), log),
    clientAs: (account) =>
      clientFor(`system:serviceaccount:kube-system:${account}`, [
        'system:serviceaccounts',
        'system:serviceaccounts:kube-system',
        'system:authenticated',
      ]),
    clock,
    log,
  };
  const controllers: Controller[] = [
    serviceAccountController(deps),
    ...(rootCa === undefined ? [] : [rootCaController(deps, rootCa)]),
    endpointSliceMirroringController(deps),
    csrApprovingController(deps),
    csrCleaningController(deps),
    ...(signing === undefined ? [] : [csrSigningController(deps, signing)]),
  ];
  try {
    await Promise.all([deps.informers.run(signal), ...controllers.map((controller) => controller.run(signal))]);
  } finally {
    for (const client of clients) client.close();
  }
}
