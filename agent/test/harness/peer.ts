/**
 * The two ends of a connection in the traffic tests, to be run inside a namespace.
 *   peer.ts serve NAME PORT            TCP and UDP on all addresses: answers each line or datagram with "NAME <who asks>"
 *   peer.ts ask tcp|udp HOST PORT N    N connections one after the other: a JSON object of answers and errors with their counts
 *   peer.ts measure HOST PORT N        N connections one after the other, then as many as possible: median microseconds and connections a second
 *   peer.ts hold HOST PORT             one TCP connection: each line of stdin goes out, each answer comes out; "reset" breaks it off
 *   peer.ts stream HOST PORT SPORT     one UDP socket with a fixed source port: as hold
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6 } from 'node:net';
import { createInterface } from 'node:readline';
import { PATIENCE } from './until.ts';

/** Nothing here is that slow: what has no answer by then gets none. */
const NO_ANSWER_MS = 1_500 * Math.sqrt(PATIENCE);

function serve(name: string, port: number): void {
  createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', () => socket.write(`${name} ${plain(socket.remoteAddress ?? '')}\n`));
  }).listen({ host: '::', port }, () => process.stdout.write('serving\n'));
  const udp = createSocket({ type: 'udp6' });
  udp.on('message', (_, from) => udp.send(`${name} ${plain(from.address)}`, from.port, from.address));
  udp.bind(port, '::');
}

function plain(address: string): string {
  return address.replace('::ffff:', '');
}

function askTcp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write('?\n'));
    const end = (answer: string): void => (socket.destroy(), resolve(answer));
    socket.setTimeout(NO_ANSWER_MS, () => end('no answer'));
    socket.on('error', (err) => end('code' in err ? String(err.code) : err.message));
    socket.on('data', (data) => end(data.toString().trim()));
  });
}

function askUdp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => end('no answer'), NO_ANSWER_MS);
    const end = (answer: string): void => (clearTimeout(timer), socket.close(), resolve(answer));
    socket.on('error', (err) => end('code' in err ? String(err.code) : err.message));
    socket.on('message', (data) => end(data.toString()));
    // Connected, so that an ICMP refusal comes back as an error.
    socket.connect(port, host, () => socket.send('?'));
  });
}

async function ask(protocol: string, host: string, port: number, count: number): Promise<void> {
  const answers: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const answer = await (protocol === 'udp' ? askUdp(host, port) : askTcp(host, port));
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}

async function measure(host: string, port: number, count: number): Promise<void> {
  const open = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      const socket = connect({ host, port }, () => {
        const us = (performance.now() - start) * 1_000;
        socket.resetAndDestroy();
        resolve(us);
      });
      socket.on('error', reject);
    });
  const each: number[] = [];
  for (let i = 0; i < count; i++) each.push(await open());
  const startMs = performance.now();
  let left = count;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (left-- > 0) await open();
    }),
  );
  const us = each.toSorted((a, b) => a - b)[count >> 1] ?? NaN;
  process.stdout.write(
    `${JSON.stringify({ us: Math.round(us), perSecond: Math.round((count / (performance.now() - startMs)) * 1_000) })}\n`,
  );
}

function hold(host: string, port: number): void {
  const socket = connect({ host, port }, () => process.stdout.write('connected\n'));
  socket.on('error', (err) => (process.stdout.write(`error ${'code' in err ? String(err.code) : err.message}\n`), process.exit(0)));
  socket.on('data', (data) => process.stdout.write(data));
  createInterface(process.stdin).on('line', (line) => {
    if (line === 'reset') socket.resetAndDestroy();
    else socket.write(`${line}\n`);
  });
}

function stream(host: string, port: number, sourcePort: number): void {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.on('message', (data) => process.stdout.write(`${data.toString()}\n`));
  socket.on('error', () => undefined);
  socket.bind(sourcePort, () => process.stdout.write('connected\n'));
  createInterface(process.stdin).on('line', () => socket.send('?', port, host));
}

const [what, ...args] = process.argv.slice(2);
const [a = '', b = '', c = '', d = ''] = args;
if (what === 'serve') serve(a, Number(b));
else if (what === 'ask') await ask(a, b, Number(c), Number(d));
else if (what === 'measure') await measure(a, Number(b), Number(c));
else if (what === 'hold') hold(a, Number(b));
else if (what === 'stream') stream(a, Number(b), Number(c));
else throw new Error(`unknown: ${what}`);
