/** Gives every node its part of the pods' network (spec.podCIDRs), of each family one. */
import type { Node } from '#api/kinds/core/node.ts';
import { isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { NODES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import type { BlockRange } from './ranges.ts';

export function nodeIpamController(deps: ControllerDeps, makeRanges: () => readonly BlockRange[]): Controller {
  const ranges = makeRanges();
  const nodes = deps.informers.for(NODES);
  const client = deps.clientAs('node-controller').resource(NODES);
  const events = deps.eventsOf('cidrAllocator', 'node-controller');
  const expectations = new Expectations(deps.clock, [nodes]);
  /** Given and not yet seen in the node. */
  const given = new Map<string, readonly string[]>();
  const blocksOf = ({ spec }: Node): readonly string[] =>
    (spec.podCIDRs ?? []).length > 0 ? (spec.podCIDRs ?? []) : spec.podCIDR === undefined || spec.podCIDR === '' ? [] : [spec.podCIDR];
  const rangeOf = (block: string): BlockRange | undefined => ranges.find(({ family }) => (family === 'IPv6') === block.includes(':'));
  return loopController<Node, { readonly kind: 'give'; readonly blocks: readonly string[] } | { readonly kind: 'tell' }>({
    name: 'node-ipam-controller',
    deps,
    expectations,
    sources: [
      source(nodes, (key) => [key]),
      {
        informer: nodes,
        onKeys: () =>
          void nodes.onChange(({ key, before, after }) => {
            const [old, now] = [before, after].map((node) => (node === undefined ? [] : blocksOf(node)));
            for (const block of old ?? []) if (!(now ?? []).includes(block)) rangeOf(block)?.release(block, key);
            for (const block of now ?? []) {
              if (rangeOf(block)?.take(block, key) === false && before === undefined)
                deps.log.warn('A node has a part of the network that is not ours to give, or another’s', { node: key, block });
            }
            if ((now ?? []).length > 0) given.delete(key);
            if (after === undefined) {
              for (const block of given.get(key) ?? []) rangeOf(block)?.release(block, key);
              given.delete(key);
            }
          }),
      },
    ],
    desired: (key) => nodes.get(key),
    plan: (node, key) => {
      if (node === undefined || node.metadata.deletionTimestamp !== undefined || blocksOf(node).length > 0) return { actions: [] };
      const there = given.get(key);
      if (there !== undefined) return { actions: [{ kind: 'give', blocks: there }] };
      if (ranges.some(({ free }) => free === 0)) return { actions: [{ kind: 'tell' }] };
      const blocks = ranges.flatMap((range) => range.give(key) ?? []);
      given.set(key, blocks);
      return { actions: [{ kind: 'give', blocks }] };
    },
    act: async (action, name, signal) => {
      const node = nodes.get(name);
      if (node === undefined) return;
      if (action.kind === 'tell')
        return events.record(regarding(NODES, node), {
          type: 'Normal',
          reason: 'CIDRNotAvailable',
          message: `Node ${name} status is now: CIDRNotAvailable`,
        });
      const [podCIDR] = action.blocks;
      const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR, podCIDRs: action.blocks } };
      try {
        expectations.written(name, nodes, await client.patch({ name }, { type: 'merge', body }, { signal }));
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    },
  });
}
