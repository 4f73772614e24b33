/** Upstream servers without sockets: each question waits until the test answers it. */
import { decode, encode, TRUNCATED_RESPONSE, type Answer } from 'dns-packet';
import type { Exchange, Read, Settled } from '../forward/exchange.ts';
import { nameOfUpstream, type Upstream } from '../forward/upstreams.ts';

export interface Sent {
  readonly to: string;
  readonly by: 'udp' | 'tcp';
  readonly name: string;
  readonly message: Buffer;
  answer(
    records: readonly Answer[],
    options?: { readonly rcode?: number; readonly cut?: boolean; readonly id?: number; readonly authorities?: Answer[] },
  ): void;
  fail(err: Error): void;
}

const OPT: Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

export class FakeUpstreams implements Exchange {
  readonly sent: Sent[] = [];
  readonly udp = (to: Upstream, message: Buffer, read: Read, signal: AbortSignal): Promise<Settled> =>
    this.#send('udp', { to, message, read, signal });
  readonly tcp = (to: Upstream, message: Buffer, read: Read, signal: AbortSignal): Promise<Settled> =>
    this.#send('tcp', { to, message, read, signal });

  /** The first one that was not taken yet. Throws when there is none: nothing was asked. */
  take(): Sent {
    const next = this.sent.shift();
    if (next === undefined) throw new Error('no upstream server was asked');
    return next;
  }

  #send(
    by: 'udp' | 'tcp',
    { to, message, read, signal }: { readonly to: Upstream; readonly message: Buffer; readonly read: Read; readonly signal: AbortSignal },
  ): Promise<Settled> {
    const { promise, resolve, reject } = Promise.withResolvers<Settled>();
    const [question] = decode(message).questions ?? [];
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    this.sent.push({
      to: nameOfUpstream(to),
      by,
      name: question?.name ?? '',
      message,
      answer(records, { rcode = 0, cut = false, id = message.readUInt16BE(0), authorities = [] } = {}) {
        const bytes = encode({
          type: 'response',
          id,
          flags: cut ? TRUNCATED_RESPONSE : 0,
          questions: question === undefined ? [] : [question],
          answers: [...records],
          authorities,
          additionals: [OPT], // as every server today sends it
        });
        bytes.writeUInt16BE(bytes.readUInt16BE(2) | rcode, 2);
        const received = read(bytes);
        if (received.kind !== 'stray') resolve(received);
      },
      fail: reject,
    });
    return promise;
  }
}
