/** A registry with one image inside the network namespace of a test's containerd. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { TestContainerd } from './containerd.ts';
import { type ImageSpec, writeLayout } from './ociImage.ts';

const PORT = 5000;

export interface TestRegistry {
  /** Every repository and tag below it is the one image, such as `${host}/any/name:tag`; plain http, as for all of localhost. */
  readonly host: string;
  /** What is pulled from below slow/ ends from now on. */
  letGo(): void;
  /** Whether pulls from below held/ get on. */
  hold(isHeld: boolean): void;
  /** How many pulls from below held/ were under way at once, now and at most since hold(true). */
  underWay(): { readonly now: number; readonly most: number };
  stop(): Promise<void>;
}

export async function startRegistry(ctd: TestContainerd, image: ImageSpec): Promise<TestRegistry> {
  const layout = join(ctd.dir, 'registry');
  mkdirSync(layout);
  await writeLayout(image, layout);
  const program = new URL('registryServer.ts', import.meta.url).pathname;
  const child = execa('nsenter', [`--net=/run/netns/${ctd.netns}`, process.execPath, program, layout, String(PORT)], { reject: false });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child;
  };
  const died = child.then(({ stderr }) => {
    throw new Error(`the registry ended while starting: ${stderr}`);
  });
  await Promise.race([once(child.stdout, 'data'), died]);
  died.catch(() => undefined); // it ends when it is stopped
  const hold = (isHeld: boolean): void => {
    if (isHeld) for (const name of ['open', 'asked']) rmSync(join(layout, name), { force: true });
    else writeFileSync(join(layout, 'open'), '');
  };
  const underWay = (): { now: number; most: number } => {
    const asked = join(layout, 'asked');
    const steps = existsSync(asked) ? readFileSync(asked, 'utf8').split('\n').filter(Boolean) : [];
    let [now, most] = [0, 0];
    for (const step of steps) {
      now += step.startsWith('+') ? 1 : -1;
      most = Math.max(most, now);
    }
    return { now, most };
  };
  return { host: `localhost:${PORT}`, letGo: () => writeFileSync(join(layout, 'go'), ''), hold, underWay, stop };
}
