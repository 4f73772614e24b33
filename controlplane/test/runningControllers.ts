/** Controllers with a real API server, in this process, each with the rights of its own service account. */
import { after, before } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { runControllers, type ControllersOptions } from '../controllers/run.ts';

export interface RunningControllers {
  /** From the first test on. */
  readonly client: TestClient;
  readonly clock: SystemClock;
  /** What was logged as a warning or an error. */
  complaints(): readonly string[];
}

/** For the tests of the suite that calls it. names: which ones run; absent: all that need nothing more. */
export function controllersFor(names?: readonly string[], parts: NonNullable<ControllersOptions['parts']> = {}): RunningControllers {
  const clock = new SystemClock();
  const life = new AbortController();
  const lines: string[] = [];
  let running: Promise<void>;
  let server: DevServer;
  let client: TestClient;
  before(async () => {
    server = await startDevServer();
    client = new TestClient(server);
    const log = makeLogger({ write: (line) => lines.push(line), clock });
    const isOn = names === undefined ? {} : { isOn: ({ name }: { readonly name: string }) => names.includes(name) };
    running = runControllers({ config: parseKubeconfig(server.kubeconfig), ...isOn, parts, clock, log }, life.signal);
  });
  after(async () => {
    life.abort();
    await running;
    client?.close();
    await server?.stop();
  });
  return {
    clock,
    get client() {
      return client;
    },
    complaints: () => lines.filter((line) => /^<[34]>/.test(line)),
  };
}
