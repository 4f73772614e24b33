/**
 * The last steps of a start: the pods get ready, and the one that the port leads to answers.
 * Throws: MANIFEST_REFUSED (there is nothing to wait for), POD_NOT_READY, HTTP_NO_ANSWER.
 */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Refusal } from './kubeletClient.ts';
import type { PodWatch } from './podWatch.ts';
import type { Answer, Report } from './progress.ts';
import type { Told } from './steps.ts';
import { podKey, troubleOf } from './target.ts';
import { askWeb } from './web.ts';

export interface SettleOptions {
  /** How long the pods may take to settle. */
  readonly withinMs: number;
  /** goOn: a node whose pods do not settle is kept, for somebody who looks at it. */
  readonly whenUnsettled: 'fail' | 'goOn';
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: Report;
}

const ANSWERS_WITHIN_MS = 10_000;

export async function untilSettled(
  watch: PodWatch,
  { clock, signal, withinMs, whenUnsettled, report }: SettleOptions,
): Promise<Told<boolean>> {
  const tooLong = new AbortController();
  const end = AbortSignal.any([signal, tooLong.signal]);
  clock.sleep(withinMs, end).then(
    () => tooLong.abort(),
    () => undefined, // settled, or stopped
  );
  try {
    await watch.untilSettled(end, (refusals) => {
      if (refusals.length > 0 && whenUnsettled === 'fail') throw refused(refusals);
    });
    const names = watch.pods.map(podKey);
    return { value: true, text: `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} ready` };
  } catch (err) {
    if (!tooLong.signal.aborted || signal.aborted) throw err;
    const error = notReady(watch, withinMs);
    if (whenUnsettled === 'fail') throw error;
    report({ kind: 'warning', text: error.message });
    return { value: false, text: 'not ready yet' };
  } finally {
    tooLong.abort();
  }
}

function refused(refusals: readonly Refusal[]): AppError {
  const list = refusals.map(({ file, problem: { line, column, path, message } }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(':');
    return [place, path, message].filter((part) => part !== undefined && part !== '').join(': ');
  });
  const next = 'correct the manifest';
  return new AppError('MANIFEST_REFUSED', `The kubelet refuses every manifest: ${list.join('; ')}`, { next });
}

function notReady(watch: PodWatch, withinMs: number): AppError {
  const next = 'see the log of the kubelet, and kijabi describe pod NAME';
  const troubles = watch.pods.flatMap((pod) => {
    const trouble = troubleOf(pod);
    return trouble === undefined ? [] : [`${podKey(pod)}: ${trouble}`];
  });
  const why =
    troubles.join('; ') ||
    (watch.pods.length === 0 ? 'there is no pod: the manifest directory is empty, or its manifests were refused' : 'no reason given');
  return new AppError('POD_NOT_READY', `Not every pod got ready within ${withinMs / 1000} s: ${why}; ${next}`, { next });
}

export async function askPod(
  port: number | undefined,
  watch: PodWatch,
  { clock, signal }: SettleOptions,
): Promise<Told<Answer | undefined>> {
  if (watch.target === undefined || port === undefined) return { value: undefined, text: 'no pod has a TCP containerPort: nothing to ask' };
  const answer = await askWeb(`http://127.0.0.1:${port}/`, { clock, withinMs: ANSWERS_WITHIN_MS, signal });
  return { value: answer, text: `${answer.statusLine}${answer.server === undefined ? '' : ` from ${answer.server}`}` };
}
