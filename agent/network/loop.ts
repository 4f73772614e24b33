/**
 * The loop of one node's network. A route that the kernel refuses, such as one to a node behind a router, holds up nothing else: this node's
 * pods get their network, the daemon is ready, and the refusal is told and tried again, later and later.
 */
import { codeOf } from '#base/errors.ts';
import type { Reconciler } from '#base/reconcile.ts';
import { planNetwork, type Action, type Observed, type Wanted } from './plan.ts';

export interface World {
  /** undefined: nothing is known of the cluster yet. */
  wanted(): Wanted | undefined;
  /** rules: as they were written last. */
  observe(rules: string | undefined): Promise<Observed>;
  act(action: Action): Promise<void>;
  /** Everything that can be done is done. */
  onReady(wanted: Wanted | undefined): void;
}

export function networkLoop(name: string, world: World): Reconciler<Wanted, Observed, Action> {
  let rules: string | undefined;
  return {
    name,
    desired: () => world.wanted(),
    observe: () => world.observe(rules),
    plan: (desired, observed) => planNetwork(desired, observed),
    async act({ desired, actions, onStep }) {
      let refused: { readonly kind: Action['kind']; readonly err: unknown } | undefined;
      for (const action of actions) {
        onStep(action.kind);
        try {
          await world.act(action);
        } catch (err) {
          if (codeOf(err) !== 'ROUTES_FAILED') throw err;
          refused = { kind: action.kind, err };
          continue;
        }
        if (action.kind === 'writeRules') rules = action.text;
      }
      if (refused === undefined) return;
      world.onReady(desired);
      onStep(refused.kind);
      throw refused.err;
    },
    onTurned: ({ desired }) => world.onReady(desired),
  };
}
