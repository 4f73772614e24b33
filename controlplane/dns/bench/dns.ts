/**
 * Known questions a second and for a second of CPU, asked by dnsperf, beside the least that a UDP server in Node can do: send back what came.
 * npm run bench:dns -- [--seconds N] [--clients N]; needs dnsperf (Debian). Server, echo and dnsperf share the machine's cores, so the ratio
 * and the figure for a second of CPU say more than the rate on a busy one.
 */
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' }, clients: { type: 'string', default: '8' } } });
const SERVICES = 100;
const ENDPOINTS = 10;
const here = (file: string): string => new URL(file, import.meta.url).pathname;
const clock = new SystemClock();

/** "20000.5" out of "Queries per second: 20000.5". */
const figure = (text: string, what: string): number => Number(new RegExp(`${what}:\\s+([\\d.]+)`).exec(text)?.[1] ?? Number.NaN);

async function measure(what: string, port: number, pid: number, questions: string): Promise<void> {
  const args = ['-s', '127.0.0.1', '-p', String(port), '-d', questions, '-c', values.clients, '-q', '200'];
  await execa('dnsperf', [...args, '-l', '2']); // until everything is compiled and known
  const before = cpuSeconds(pid);
  const { stdout } = await execa('dnsperf', [...args, '-l', values.seconds]);
  const cpu = cpuSeconds(pid) - before;
  const [completed, perSecond, lost] = ['Queries completed', 'Queries per second', 'Queries lost'].map((name) => figure(stdout, name));
  const latency = figure(stdout, 'Average Latency \\(s\\)');
  const shown = [perSecond ?? 0, (completed ?? 0) / cpu].map((n) => Math.round(n).toLocaleString('en').padStart(8));
  const ms = (latency * 1_000).toFixed(2);
  process.stdout.write(`${what.padEnd(34)} ${shown[0]}/s  ${shown[1]} for a second of CPU  ${ms} ms  ${lost} lost\n`);
}

/** Source: proc(5): user and system time, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

const ECHO = `
import { createSocket } from 'node:dgram';
const socket = createSocket({ type: 'udp4', lookup: (host, _, done) => done(null, host, 4) });
socket.on('message', (bytes, { port, address }) => {
  bytes[2] |= 0x80;
  socket.send(bytes, port, address, () => undefined);
});
socket.bind(Number(process.argv[1]), '127.0.0.1', () => console.log('ready'));
`;

const dir = mkdtempSync(join(tmpdir(), 'kijabi-dns-bench-'));
const children: { kill(signal?: NodeJS.Signals): boolean }[] = [];
try {
  writeFileSync(join(dir, 'resolv.conf'), '');
  const server = execa(here('../../cli/kijabi'), ['apiserver', '--dev', '--json'], { reject: false });
  children.push(server);
  const [line] = await firstLine(server.stdout);
  const { kubeconfig } = JSON.parse(line ?? '') as { kubeconfig: string };
  const client = connect({
    config: await loadKubeconfig(kubeconfig),
    clock,
    log: makeLogger({ write: () => undefined, clock }),
    userAgent: 'bench',
    qps: -1,
  });
  const { signal } = new AbortController();
  const post = (path: string, body: object): Promise<unknown> => client.json('POST', path, { body, signal });
  for (let i = 0; i < SERVICES; i++) {
    const isHeadless = i % 4 === 0;
    await post('/api/v1/namespaces/default/services', {
      metadata: { name: `s${i}` },
      spec: { ...(isHeadless ? { clusterIP: 'None' } : {}), ports: [{ name: 'http', port: 80 }] },
    });
    if (!isHeadless) continue;
    await post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
      metadata: { name: `s${i}`, labels: { 'kubernetes.io/service-name': `s${i}` } },
      addressType: 'IPv4',
      endpoints: Array.from({ length: ENDPOINTS }, (_, e) => ({ addresses: [`10.1.${i}.${e + 1}`] })),
      ports: [{ name: 'http', port: 80 }],
    });
  }
  client.close();
  const nowhere = ['health', 'ready', 'metrics'].map((what) => `--${what}-bind-address=`);
  const port = await freePort();
  const dns = execa(
    here('../kube-dns'),
    [`--kubeconfig=${kubeconfig}`, `--listen=127.0.0.1:${port}`, '--lame-duck=0s', `--resolv-conf=${join(dir, 'resolv.conf')}`, ...nowhere],
    { reject: false },
  );
  children.push(dns);
  await said(dns.stderr, /DNS server is ready/);
  const names = Array.from({ length: SERVICES }, (_, i) => `s${i}.default.svc.cluster.local`);
  const mixed = join(dir, 'mixed');
  // What a pod's resolver asks: both families, and steps of the search path that are not there.
  writeFileSync(mixed, names.flatMap((name) => [`${name} A`, `${name} AAAA`, `www.example.com.${name} A`]).join('\n'));
  const plain = join(dir, 'plain');
  writeFileSync(
    plain,
    names
      .filter((_, i) => i % 4 !== 0)
      .map((name) => `${name} A`)
      .join('\n'),
  );
  const echoPort = await freePort();
  const echo = execa(process.execPath, ['--input-type=module', '-e', ECHO, String(echoPort)], { reject: false });
  children.push(echo);
  await said(echo.stdout, /ready/);
  await measure('echo in Node', echoPort, echo.pid ?? 0, plain);
  await measure('A of services', port, dns.pid ?? 0, plain);
  await measure('A, AAAA and search path, 1/4 headless', port, dns.pid ?? 0, mixed);
  process.stdout.write(
    `memory of kube-dns: ${Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${dns.pid}/status`, 'utf8'))?.[1]) / 1_024)} MB\n`,
  );
} finally {
  for (const child of children.toReversed()) child.kill('SIGTERM');
  rmSync(dir, { recursive: true });
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.split('\n');
}

function said(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve();
    });
    stream.on('end', () => reject(new Error(`ended early: ${text}`)));
  });
}
