/**
 * Every kind that is built in. Imports all of them: for the API server, the command and tests. A daemon that needs a few kinds imports
 * their definitions one by one.
 */
import * as access from '#api/definitions/access.ts';
import * as cluster from '#api/definitions/cluster.ts';
import * as core from '#api/definitions/core.ts';
import * as extensions from '#api/definitions/extensions.ts';
import * as network from '#api/definitions/network.ts';
import * as pod from '#api/definitions/pod.ts';
import * as service from '#api/definitions/service.ts';
import * as storage from '#api/definitions/storage.ts';
import * as workloads from '#api/definitions/workloads.ts';
import { Scheme, type KindDefinition } from '#api/scheme.ts';

const modules = [pod, service, core, storage, workloads, network, cluster, access, extensions];

export const builtinKinds: readonly KindDefinition[] = modules.flatMap((module) => Object.values<KindDefinition>(module));

/** A scheme of its own for each caller, because kinds may be added to it. */
export function builtinScheme(): Scheme {
  return new Scheme(builtinKinds);
}
