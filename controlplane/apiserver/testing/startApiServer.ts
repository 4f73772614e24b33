/** What `kijabi/testing` exports: the development server behind a surface that promises no more than tests of others need. */
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { startDevServer } from '../dev/start.ts';
import { MemoryStore } from '../storage/memory.ts';
import type { Store } from '../storage/store.ts';
import type { StartOptions, TestApiServer } from './startApiServer.mjs';

export async function startApiServer(options: StartOptions = {}): Promise<TestApiServer> {
  const { port, users = [], enableAdmission = [], disableAdmission = [], onLog } = options;
  const clock = new SystemClock();
  const store = await openStore(options.store ?? 'memory', clock);
  const server = await startDevServer({
    clock,
    store,
    ...(port === undefined ? {} : { port }),
    ...(onLog === undefined ? {} : { log: makeLogger({ write: onLog, clock }) }),
    tokens: users.map(({ name, token, groups = [] }) => ({ token, user: { name, groups } })),
    enableAdmission,
    disableAdmission,
  }).catch(async (err: unknown) => {
    await store.close();
    throw err;
  });
  const { url, token, kubeconfig, pki } = server;
  const stop = (): Promise<void> => server.stop();
  return { url, port: server.port, ca: pki.ca, token, kubeconfig, stop, [Symbol.asyncDispose]: stop };
}

/** Loaded when asked for: lmdb and gRPC cost more than all the rest. */
async function openStore(wanted: NonNullable<StartOptions['store']>, clock: SystemClock): Promise<Store> {
  if (wanted === 'memory') return new MemoryStore({ clock });
  if ('directory' in wanted) return (await import('../storage/embedded.ts')).EmbeddedStore.open({ dir: wanted.directory, clock });
  return (await import('../storage/etcd.ts')).EtcdStore.open({ endpoints: wanted.etcd });
}
