/**
 * What this project relies on in a container runtime. The fake and the real containerd both pass it.
 * One runtime serves all the rules, and each rule works in sandboxes of its own only.
 */
import { after, before, describe, test } from 'node:test';
import { containerRules } from './containerContract.ts';
import { type ContractRuntime, World } from './contractWorld.ts';
import { eventRules, imageRules } from './imageContract.ts';
import { failureRules, insideRules } from './insideContract.ts';
import { sandboxRules } from './sandboxContract.ts';

export { type ContractRuntime, EXECS, PROGRAMS } from './contractWorld.ts';

export function testCriContract(name: string, open: () => Promise<ContractRuntime>): void {
  void describe(`CRI contract: ${name}`, () => {
    const opened: World[] = [];
    before(async () => {
      opened.push(new World(await open()));
    });
    after(async () => {
      for (const world of opened) await world.close();
    });
    for (const rules of [sandboxRules, containerRules, failureRules, insideRules, imageRules, eventRules]) {
      for (const [sentence, check] of Object.entries(rules)) {
        void test(sentence, async (t) => {
          const [world] = opened;
          if (world === undefined) throw new Error('the runtime did not start');
          await check(world, t);
        });
      }
    }
  });
}
