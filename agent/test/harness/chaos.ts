/** A seeded story of what happens to a node: which acts, on which pods, and what then has to run. Knows no clock and touches nothing. */
import { seededRandom } from '#base/seededRandom.ts';
import { manifest } from './manifest.ts';

interface About {
  /** For people. */
  readonly about: string;
}
export type Act = About &
  (
    | { readonly kind: 'write'; readonly file: string; readonly text: string }
    | { readonly kind: 'remove'; readonly file: string }
    | { readonly kind: 'killContainer' | 'killSandbox'; readonly pod: string }
    | { readonly kind: 'killKubelet' | 'killContainerd' }
  );

interface Wanted {
  /** Stands in the environment of every container: tells one version of the pod from the next. */
  readonly mark: string;
  readonly text: string;
}

const MOST_PODS = 6;
const MOST_ACTS = 4;

export class Chaos {
  readonly wanted = new Map<string, Wanted>();
  readonly #causes = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #random: () => number;
  #next = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  get done(): number {
    return [...this.#counts.values()].reduce((sum, n) => sum + n, 0);
  }

  tally(): string {
    return [...this.#counts].map(([kind, n]) => `${kind} ${n}`).join(', ');
  }

  /** What happens next; wanted already says what has to come of it. */
  round(): readonly Act[] {
    const acts = Array.from({ length: 1 + this.#below(MOST_ACTS) }, () => this.#act()).flat();
    for (const { kind } of acts) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    return acts;
  }

  /** In groups: the acts of one happen at the same time, save that two kills of one daemon cannot. */
  overlapping(acts: readonly Act[]): readonly (readonly Act[])[] {
    const groups: Act[][] = [];
    for (const act of acts) {
      const last = groups.at(-1);
      const joins = last !== undefined && this.#below(2) === 0 && !last.some((other) => clash(other, act));
      if (joins) last.push(act);
      else groups.push([act]);
    }
    return groups;
  }

  add(name = `pod-${this.#next++}`): readonly Act[] {
    return [this.#write(name, `add ${name}`)];
  }

  /** Containers of the pod with this uid were killed on purpose. */
  cause(uid: string, containers: readonly string[]): void {
    for (const container of containers) this.#causes.set(`${uid}/${container}`, this.causes(uid, container) + 1);
  }

  causes(uid: string, container: string): number {
    return this.#causes.get(`${uid}/${container}`) ?? 0;
  }

  forgetCauses(): void {
    this.#causes.clear();
  }

  #act(): readonly Act[] {
    const names = [...this.wanted.keys()];
    const name = names[this.#below(names.length)];
    if (name === undefined || names.length < 2) return this.add();
    const dice = this.#below(20);
    if (dice < 4) return names.length < MOST_PODS ? this.add() : this.#remove(name);
    if (dice < 7) return [this.#write(name, `edit ${name}`)];
    if (dice < 8)
      return [{ kind: 'write', file: `${name}.yaml`, text: this.wanted.get(name)?.text ?? '', about: `save ${name} unchanged` }];
    if (dice < 9) return [{ kind: 'write', file: `${name}.yaml`, text: 'spec: [', about: `break ${name}, its last good version stays` }];
    if (dice < 11) return this.#remove(name);
    if (dice < 14) return [{ kind: 'killContainer', pod: name, about: `kill a container of ${name}` }];
    if (dice < 16) return [{ kind: 'killSandbox', pod: name, about: `kill the sandbox of ${name}` }];
    if (dice < 18) return [{ kind: 'killKubelet', about: 'kill the kubelet' }];
    return [{ kind: 'killContainerd', about: 'kill containerd' }];
  }

  #remove(name: string): readonly Act[] {
    this.wanted.delete(name);
    return [{ kind: 'remove', file: `${name}.yaml`, about: `remove ${name}` }];
  }

  #write(name: string, about: string): Act {
    const mark = `${name} ${this.#below(2 ** 30)}`;
    const env = [{ name: 'MARK', value: mark }];
    const pod = JSON.parse(manifest({ name, container: { env } })) as { spec: { containers: object[] } };
    if (name.length % 2 === 1) pod.spec.containers.push({ ...pod.spec.containers[0], name: 'd' });
    const text = JSON.stringify(pod);
    this.wanted.set(name, { mark, text });
    return { kind: 'write', file: `${name}.yaml`, text, about };
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }
}

function clash(a: Act, b: Act): boolean {
  const isDaemon = ({ kind }: Act): boolean => kind === 'killKubelet' || kind === 'killContainerd';
  // Starting one waits for the other to answer.
  if (isDaemon(a) && isDaemon(b)) return true;
  return 'file' in a && 'file' in b && a.file === b.file;
}
