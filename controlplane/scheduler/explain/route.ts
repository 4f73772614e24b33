/** GET /explain/scheduling/NAMESPACE/NAME[?output=json], and /explain/scheduling for the last decisions. */
import type { Answer } from '../../component/http/serve.ts';
import type { RunningScheduler } from '../run.ts';
import { EXTENDER } from '../extenders/extender.ts';
import type { Decisions, Remembered } from './decisions.ts';
import { explainWaiting, type Said } from './explain.ts';
import { explanationText, type Explanation } from './text.ts';

const PREFIX = '/explain/scheduling';

export function explainRoute(scheduler: Pick<RunningScheduler, 'cluster' | 'queue' | 'profileOf'>, decisions: Decisions) {
  return async (path: string, query: URLSearchParams): Promise<Answer | undefined> => {
    if (path === PREFIX) return json(decisions.all());
    const [, namespace = '', name = ''] = /^\/explain\/scheduling\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (name === '') return undefined;
    const key = `${decodeURIComponent(namespace)}/${decodeURIComponent(name)}`;
    const found = explanationOf(key, scheduler, decisions);
    if (found === undefined)
      return {
        code: 404,
        type: 'text/plain; charset=utf-8',
        text: `No pod ${key} is known here: it waits for nobody and nothing was decided about it lately\n`,
      };
    return query.get('output') === 'json' ? json(found) : { code: 200, type: 'text/plain; charset=utf-8', text: explanationText(found) };
  };
}

const json = (value: unknown): Answer => ({ code: 200, type: 'application/json', text: `${JSON.stringify(value, undefined, 2)}\n` });

const saidBy = (last: Remembered | undefined): readonly Said[] =>
  (last?.refused ?? []).filter(({ plugin }) => plugin.startsWith(`${EXTENDER} `));

function explanationOf(
  key: string,
  { cluster, queue, profileOf }: Pick<RunningScheduler, 'cluster' | 'queue' | 'profileOf'>,
  decisions: Decisions,
): Explanation | undefined {
  const queued = queue.get(key);
  const placed = cluster.placed(key);
  const newest = decisions.of(key);
  // There may have been another pod of this name.
  const uid = placed?.pod.uid ?? queued?.info.uid;
  const last = uid === undefined || newest?.uid === uid ? newest : undefined;
  if (queued === undefined && placed === undefined && last === undefined) return undefined;
  const profile = queued === undefined || placed !== undefined ? undefined : profileOf(queued.info.pod);
  return {
    pod: key,
    node: placed?.node.name,
    queue: queued === undefined ? undefined : queued.isGated ? 'gated' : queued.place,
    attempts: queued?.attempts,
    last,
    now: queued === undefined || profile === undefined ? undefined : explainWaiting(queued.info, { profile, cluster }, saidBy(last)),
  };
}
