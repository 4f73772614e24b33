/**
 * Measures an API server beside the least that a server over the same database can do (bare.ts), in turns, in one run:
 *   npm run bench:apiserver -- [--store memory,embedded,etcd] [--pods 10000] [--objects 50000] [--rounds 3] [--profile DIR] [--json]
 *   npm run bench:apiserver -- --server https://HOST:PORT --token T [--ca FILE]
 * The load runs in this process, each server in its own. Times depend on who else uses the machine; the ratios hold better, and those of
 * CPU time best.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { remoteSubject, startSubject, type Subject } from './children.ts';
import { createPods, fanOut, getPods, LISTS, listPods, patchStatus, prepare, sizeOfPod, type Load } from './loads.ts';
import { Report, type Sample } from './report.ts';

const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    token: { type: 'string' },
    ca: { type: 'string' },
    store: { type: 'string', default: 'memory,embedded,etcd' },
    pods: { type: 'string', default: '10000' },
    objects: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const pods = Number(values.pods);
const objects = Number(values.objects);
const rounds = Number(values.rounds);
const CLIENTS = 32;
/** How long a list is repeated in one round. */
const LIST_TURNS = 5;

type Names = 'ours' | 'bare';
type Subjects = Readonly<Partial<Record<Names, Subject>>>;

const wants = (name: string): boolean => values.only === undefined || values.only.split(',').includes(name);

/** operations: in one call of work, for the CPU time of one. */
interface Step {
  readonly name: string;
  readonly unit: '/s' | 'ms' | 'deliveries/s';
  readonly operations: number;
  readonly work: (subject: Subject, round: number) => Promise<number>;
}

/** Every subject in turn, several rounds, so that what else happens on the machine hits all alike. */
async function measure(report: Report, subjects: Subjects, { name, unit, operations, work }: Step): Promise<void> {
  const samples: Partial<Record<Names, Sample[]>> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [who, subject] of Object.entries(subjects) as [Names, Subject][]) {
      const before = subject.cpuMs();
      const value = await work(subject, round);
      const after = subject.cpuMs();
      const cpuUs = before === undefined || after === undefined ? undefined : ((after - before) * 1_000) / operations;
      (samples[who] ??= []).push({ value, cpuUs });
    }
  }
  report.add(name, unit, samples);
}

async function profiled(subject: Subject, name: string, run: () => Promise<void>): Promise<void> {
  if (values.profile === undefined) return run();
  await subject.profileTo(join(values.profile, `${name.replaceAll(/\W+/g, '-')}.cpuprofile`));
  await run();
  await subject.endProfile();
}

async function measureServer(report: Report, ours: Subject, startBare: (sizeBytes: number) => Promise<Subject | undefined>): Promise<void> {
  if (ours.readyMs !== undefined) report.note('start -> ready', ours.readyMs, 'ms');
  report.memory('resident memory, empty', ours);
  await prepare(ours.target);
  // Before the floor is there: it has to know how long a pod is in the end. This also warms the server up.
  const first = Math.min(500, pods);
  await createPods(ours.target, { count: first, clients: CLIENTS });
  const bare = await startBare(await sizeOfPod(ours.target));
  const subjects: Subjects = bare === undefined ? { ours } : { ours, bare };
  try {
    if (bare !== undefined) await createPods(bare.target, { count: first, clients: CLIENTS });
    const step = (name: string, unit: Step['unit'], operations: number, work: Step['work']): Promise<void> =>
      profiled(ours, name, () => measure(report, subjects, { name, unit, operations, work }));
    const share = Math.floor((pods - first) / rounds);
    if (share > 0) {
      await step(`create pods, ${CLIENTS} clients`, '/s', share, ({ target }, round) =>
        createPods(target, { from: first + round * share, count: share, clients: CLIENTS }),
      );
    }
    const there = first + share * rounds;
    report.memory(`resident memory, ${there} pods`, ours, bare);
    const load = (count: number, clients: number): Load => ({ count, clients, pods: there });
    if (wants('get')) await step(`get, ${CLIENTS} clients`, '/s', 10_000, ({ target }) => getPods(target, load(10_000, CLIENTS)));
    if (wants('list')) await lists(report, subjects, step);
    if (wants('patch'))
      await step(`patch status, ${CLIENTS} clients`, '/s', 3_000, ({ target }) => patchStatus(target, load(3_000, CLIENTS)));
    if (wants('watch')) {
      await step('watch, 100 watches', 'deliveries/s', 100 * 500, ({ target }) => fanOut(target, load(500, 100)));
      await step('watch, 1000 watches', 'deliveries/s', 1_000 * 100, ({ target }) => fanOut(target, load(100, 1_000)));
    }
    report.memory('resident memory, after all that', ours, bare);
    await bare?.stop();
    if (objects > there && wants('objects')) {
      await createPods(ours.target, { from: there, count: objects - there, clients: CLIENTS });
      report.memory(`resident memory, ${objects} pods`, ours);
    }
  } finally {
    await bare?.stop();
  }
}

async function lists(
  report: Report,
  subjects: Subjects,
  step: (name: string, unit: Step['unit'], operations: number, work: Step['work']) => Promise<void>,
): Promise<void> {
  for (const [name, path] of Object.entries(LISTS)) {
    // The floor has no selectors.
    const isWhole = !path.includes('Selector');
    const work: Step['work'] = ({ target }) => listPods(target, path, LIST_TURNS);
    if (isWhole) await step(`list, ${name}`, 'ms', LIST_TURNS, work);
    else
      await measure(report, subjects.ours === undefined ? {} : { ours: subjects.ours }, {
        name: `list, ${name}`,
        unit: 'ms',
        operations: LIST_TURNS,
        work,
      });
  }
}

const say = (text: string): void => {
  if (!values.json) process.stdout.write(`${text}\n`);
};
const all: Record<string, unknown> = {};

if (values.server === undefined) {
  for (const store of values.store.split(',')) {
    const report = new Report(`${store} store`, say);
    const ours = await startSubject(store);
    try {
      await measureServer(report, ours, (sizeBytes) => startSubject(`bare-${store}`, String(sizeBytes)));
    } finally {
      await ours.stop();
    }
    all[store] = report.figures;
  }
} else {
  const url = new URL(values.server);
  const ca = values.ca === undefined ? undefined : readFileSync(values.ca, 'utf8');
  const report = new Report(values.server, say);
  const target = { host: url.hostname, port: Number(url.port || 443), token: values.token ?? '', ca };
  await measureServer(report, remoteSubject(target), async () => undefined);
  all[values.server] = report.figures;
}
if (values.json) process.stdout.write(`${JSON.stringify(all)}\n`);
