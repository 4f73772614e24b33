/** `kijabi token`: bootstrap tokens, by which nodes join a cluster. */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { durationMs } from '#api/formats.ts';
import type { Secret } from '#api/kinds/core/config.ts';
import { AppError } from '#base/errors.ts';
import { isNotFound } from '#client/errors.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import { clientFor } from './cluster/ask.ts';
import {
  DEFAULT_TTL_MS,
  JOINERS,
  newToken,
  parseToken,
  rowOf,
  secretName,
  tokenSecret,
  USAGES as ALL_USAGES,
} from './cluster/bootstrapToken.ts';
import { pinOf } from './cluster/discovery.ts';
import { parseCertificateKey } from './cluster/sharedKeys.ts';
import { joinCommand } from './cluster/start.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi token create [TOKEN] [--print-join-command] [--ttl DURATION] [--description TEXT] [--usages LIST] [--groups LIST]
       kijabi token list [-o json]
       kijabi token delete ID...
       kijabi token generate

Tokens by which nodes join: create makes one in the cluster and prints it, generate only prints one.

      --print-join-command   print the whole command for a host that is to join
      --certificate-key KEY  with --print-join-command: for a control plane, as kijabi init --upload-certs printed it
      --ttl DURATION         how long it lives; 0: for ever (default 24h0m0s)
      --usages LIST          (default signing,authentication)
      --groups LIST          (default ${JOINERS})
      --kubeconfig FILE      of an administrator (default /etc/kubernetes/admin.conf)
  -h, --help                 print this
`;

const OPTIONS = {
  'print-join-command': { type: 'boolean', default: false },
  'certificate-key': { type: 'string' },
  ttl: { type: 'string' },
  description: { type: 'string' },
  usages: { type: 'string', default: ALL_USAGES.join(',') },
  groups: { type: 'string', default: JOINERS },
  kubeconfig: { type: 'string', default: '/etc/kubernetes/admin.conf' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const;
type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

const SECRETS = '/api/v1/namespaces/kube-system/secrets';

export const tokenCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [what, ...rest] = positionals;
  switch (what) {
    case 'generate': {
      const { id, secret } = newToken((most) => randomInt(most));
      io.out(`${id}.${secret}\n`);
      return 0;
    }
    case 'create':
      return withClient(values, io, (client, server) => create(client, { server, values, given: rest, io }));
    case 'list':
      return withClient(values, io, (client) => list(client, values, io));
    case 'delete':
      return withClient(values, io, (client) => remove(client, rest, io));
    default:
      throw new AppError('USAGE', `want create, list, delete or generate, got ${what ?? 'nothing'}`);
  }
};

async function withClient(values: Values, io: Io, work: (client: Client, server: Server) => Promise<number>): Promise<number> {
  const config = await loadKubeconfig(values.kubeconfig);
  const client = clientFor(config, io.clock);
  try {
    const ca = config.ca?.kind === 'file' ? await readFile(config.ca.path, 'utf8') : (config.ca?.text ?? '');
    return await work(client, { endpoint: config.server.replace(/^https:\/\//, ''), ca });
  } finally {
    client.close();
  }
}

interface Server {
  readonly endpoint: string;
  readonly ca: string;
}

interface Creation {
  readonly server: Server;
  readonly values: Values;
  readonly given: readonly string[];
  readonly io: Io;
}

async function create(client: Client, { server, values, given, io }: Creation): Promise<number> {
  if (given.length > 1) throw new AppError('USAGE', 'token create takes one token at most');
  const token = given[0] === undefined ? newToken((most) => randomInt(most)) : parseToken(given[0]);
  const ttlMs = values.ttl === undefined ? DEFAULT_TTL_MS : values.ttl === '0' ? 0 : durationMs(values.ttl);
  if (ttlMs === undefined || ttlMs < 0)
    throw new AppError('USAGE', `--ttl: want a duration such as 24h0m0s, or 0, got ${JSON.stringify(values.ttl)}`);
  const usages = words(values.usages);
  const odd = usages.filter((usage) => !(ALL_USAGES as readonly string[]).includes(usage));
  if (odd.length > 0) throw new AppError('USAGE', `--usages: want some of ${ALL_USAGES.join(', ')}, got ${odd.join(', ')}`);
  const groups = words(values.groups);
  const outside = groups.filter((group) => !/^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group));
  if (outside.length > 0)
    throw new AppError('USAGE', `--groups: want names that begin with system:bootstrappers:, got ${outside.join(', ')}`);
  const certificateKey = values['certificate-key'];
  if (certificateKey !== undefined) {
    if (!values['print-join-command']) throw new AppError('USAGE', '--certificate-key goes with --print-join-command');
    parseCertificateKey(certificateKey);
  }
  const body = tokenSecret(token, { ttlMs, usages, groups, description: values.description, nowMs: io.clock.nowMs() });
  await client.json('POST', SECRETS, { body, signal: io.signal });
  io.out(
    values['print-join-command']
      ? `${joinCommand({ endpoint: server.endpoint, token, pin: pinOf(server.ca), certificateKey })}\n`
      : `${token.id}.${token.secret}\n`,
  );
  return 0;
}

async function list(client: Client, { output }: Values, io: Io): Promise<number> {
  if (output !== undefined && output !== 'json') throw new AppError('USAGE', `-o: want json, got ${output}`);
  const type = encodeURIComponent('type=bootstrap.kubernetes.io/token');
  const { items } = (await client.json('GET', `${SECRETS}?fieldSelector=${type}`, { signal: io.signal })) as {
    readonly items: readonly Secret[];
  };
  const rows = items.flatMap((secret) => rowOf(secret, io.clock.nowMs()) ?? []);
  if (output === 'json') return (io.out(`${JSON.stringify(rows, null, 2)}\n`), 0);
  const lines = [
    ['TOKEN', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'],
    ...rows.map((r) => [r.token, r.expires, r.usages, r.description, r.groups]),
  ];
  const widths = lines[0]?.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0))) ?? [];
  for (const line of lines)
    io.out(
      `${line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('   ')
        .trimEnd()}\n`,
    );
  return 0;
}

async function remove(client: Client, names: readonly string[], io: Io): Promise<number> {
  if (names.length === 0) throw new AppError('USAGE', 'token delete: want a token, or its first six letters');
  for (const name of names) {
    const id = name.split('.')[0] ?? '';
    if (!/^[a-z0-9]{6}$/.test(id)) throw new AppError('USAGE', 'token delete: want a token, or its first six letters');
    try {
      await client.json('DELETE', `${SECRETS}/${secretName(id)}`, { signal: io.signal });
    } catch (err) {
      if (!isNotFound(err)) throw err;
      throw new AppError('TOKEN_UNKNOWN', `There is no bootstrap token ${id}; kijabi token list says which there are`, {}, err);
    }
    io.out(`bootstrap token "${id}" deleted\n`);
  }
  return 0;
}

const words = (list: string): string[] =>
  list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
