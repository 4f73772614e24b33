/**
 * Credentials that do not work, and what a kubelet makes of them: one clear line in its log, and a Node as soon as they are mended, with
 * nobody starting it again. The heartbeat, the client and the API server are the real ones, in this process.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Node } from '#api/kinds/core/node.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { datesProblem } from '#agent/kubelet/certificates/act.ts';
import { Connection } from '#agent/kubelet/cluster/connection.ts';
import { clusterSettings } from '#agent/kubelet/config/clusterFields.ts';
import { Heartbeat } from '#agent/kubelet/node/heartbeat.ts';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { Authority } from '../pki/issue.ts';

const clock = new SystemClock();
const HOUR_MS = 3_600_000;
const userOf = (node: string) => ({ name: `system:node:${node}`, groups: ['system:nodes'] });

void describe('credentials that do not work', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-trust-'));
  const life = new AbortController();
  const running: Promise<void>[] = [];
  let server: DevServer;
  let stranger: Authority;

  before(async () => {
    server = await startDevServer({ tokens: [{ token: 'secret-1', user: userOf('token') }] });
    stranger = await Authority.make('stranger', {
      notBefore: new Date(clock.nowMs() - HOUR_MS),
      notAfter: new Date(clock.nowMs() + HOUR_MS),
    });
  });
  after(async () => {
    life.abort();
    await Promise.all(running);
    await server?.stop();
    rmSync(dir, { recursive: true });
  });

  interface Files {
    readonly ca?: string;
    readonly certificate?: string;
    readonly key?: string;
    readonly token?: string;
  }

  async function pairOf(node: string, fromMs: number, toMs: number, authority = server.pki.authority): Promise<Files> {
    const dates = { notBefore: new Date(clock.nowMs() + fromMs), notAfter: new Date(clock.nowMs() + toMs) };
    return authority.issue({ ...dates, subject: `O=system:nodes, CN=system:node:${node}`, usages: ['client'], names: [] });
  }

  /** A kubelet's signs of life with the credentials in the files of a directory of its own. */
  function live(node: string, files: Files): { readonly lines: string[]; readonly write: (files: Files) => void } {
    const lines: string[] = [];
    const log = makeLogger({ write: (line) => lines.push(line), clock });
    const path = (name: string): string => join(dir, `${node}.${name}`);
    const write = (given: Files): void =>
      Object.entries(given).forEach(([name, text]) => writeFileSync(path(name), String(text), { mode: 0o600 }));
    const all: Files = { ca: server.pki.ca, ...files };
    write(all);
    const source = (name: keyof Files) => (all[name] === undefined ? {} : { [name]: { kind: 'file' as const, path: path(name) } });
    const config: ClientConfig = {
      server: server.url,
      namespace: 'default',
      ...source('ca'),
      ...source('certificate'),
      ...source('key'),
      ...source('token'),
    };
    const client = connect({ config, clock, log, userAgent: 'kubelet', qps: -1 });
    life.signal.addEventListener('abort', () => client.close());
    const hint = (): string | undefined => datesProblem(config.certificate, clock.nowMs());
    const connection = new Connection({ log, server: server.url, hint });
    const shown: Node = { metadata: { name: node }, status: { conditions: [] } } as never;
    const heartbeat = new Heartbeat({
      client,
      clock,
      log,
      connection,
      nodeName: node,
      settings: clusterSettings({}, {}, {}),
      port: 10_250,
      show: () => Promise.resolve(shown),
      live: () => undefined,
      onRegistered: () => undefined,
    });
    running.push(heartbeat.run(life.signal));
    return { lines, write };
  }

  /** One line about it, then the Node, with nobody's help but that of who mends the files. */
  async function comesBack(node: string, bad: Files, says: RegExp, mend: () => Promise<Files> | Files): Promise<void> {
    const { lines, write } = live(node, bad);
    const complaints = (): string[] => lines.filter((line) => /^<[34]>/.test(line));
    await until(`${node}: it is told`, () => complaints().length > 0);
    assert.match(complaints()[0] ?? '', says);
    write(await mend());
    await until(`${node}: its Node`, () => lines.some((line) => line.includes('Registered the node')));
    await until(`${node}: it is told`, () => lines.some((line) => line.includes('<6>Works with the API server again')));
    assert.equal(complaints().length, 1, lines.join(''));
    for (const line of lines) assert.doesNotMatch(line, /BEGIN|secret-/, 'no secret in a log');
  }

  const good = (node: string): Promise<Files> => pairOf(node, -HOUR_MS, HOUR_MS);

  test('another authority, an unknown user, an end in the past, a beginning in the future, a token that was taken back', async () => {
    const all = /<4>Cannot work with the API server, pods go on as they are server=https:\S+ /;
    const line = (rest: RegExp): RegExp => new RegExp(all.source + rest.source);
    await Promise.all([
      comesBack('ca', { ...(await good('ca')), ca: stranger.pem.certificate }, line(/.*check certificate-authority.*code=API_TLS/), () => ({
        ca: server.pki.ca,
      })),
      comesBack('unknown', await pairOf('unknown', -HOUR_MS, HOUR_MS, stranger), line(/err=.*Unauthorized/), () => good('unknown')),
      comesBack('ended', await pairOf('ended', -HOUR_MS, -1_000), line(/because="our client certificate ended on \S+: renew it/), () =>
        good('ended'),
      ),
      comesBack(
        'early',
        await pairOf('early', 8_000, HOUR_MS),
        line(/because="our client certificate begins on \S+: is the clock right/),
        () => ({}),
      ),
      comesBack('token', { token: 'revoked' }, line(/err=.*Unauthorized/), () => ({ token: 'secret-1' })),
    ]);
  });
});
