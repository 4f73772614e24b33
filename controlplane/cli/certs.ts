/** `kijabi certs`: when the certificates of a control plane end, and new ones for those that do. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { PkiWriter } from '../pki/act.ts';
import { expiryTables, type Expiry } from '../pki/expiry.ts';
import type { PkiPlaces } from '../pki/observe.ts';
import { RENEWABLE, expiries, renew } from '../pki/renew.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi certs check-expiration [-o json]
       kijabi certs renew all|NAME...

check-expiration says when each certificate ends; its exit code is 1 when one has ended.
renew makes them anew with the same names and the same key, for another year: daemons read them again by themselves.

NAME is one of
  ${RENEWABLE.join('\n  ')}

      --cert-dir DIR         (default /etc/kubernetes/pki)
      --kubernetes-dir DIR   of the kubeconfig files (default /etc/kubernetes)
  -h, --help                 print this
`;

const OPTIONS = {
  'cert-dir': { type: 'string' },
  'kubernetes-dir': { type: 'string', default: '/etc/kubernetes' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const certsCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const kubernetesDir = values['kubernetes-dir'];
  const places = { kubernetesDir, certDir: values['cert-dir'] ?? join(kubernetesDir, 'pki') };
  const [what, ...names] = positionals;
  switch (what) {
    case 'check-expiration':
      if (values.output !== undefined && values.output !== 'json') throw new AppError('USAGE', `-o: want json, got ${values.output}`);
      return check(places, io, values.output);
    case 'renew':
      return renewAll(names, places, io);
    default:
      throw new AppError('USAGE', `want check-expiration or renew, got ${what ?? 'nothing'}`);
  }
};

async function check(places: PkiPlaces, io: Io, output: 'json' | undefined): Promise<number> {
  const found = await expiries(places);
  if (found.length === 0) throw new AppError('PKI_MISSING', `There are no certificates in ${places.certDir}; kijabi init makes them`);
  const nowMs = io.clock.nowMs();
  io.out(output === 'json' ? `${JSON.stringify({ certificates: found.map(jsonOf) }, null, 2)}\n` : expiryTables(found, nowMs));
  const ended = found.filter(({ notAfter }) => notAfter.getTime() <= nowMs).map(({ name }) => name);
  if (ended.length > 0) io.err(`Ended: ${ended.join(', ')}. kijabi certs renew ${ended.join(' ')}\n`);
  return ended.length > 0 ? 1 : 0;
}

const jsonOf = ({ name, authority, notAfter, external }: Expiry): object => ({
  name,
  authority: authority ?? null,
  expires: notAfter.toISOString(),
  externallyManaged: external,
});

async function renewAll(names: readonly string[], places: PkiPlaces, io: Io): Promise<number> {
  if (names.length === 0) throw new AppError('USAGE', `renew what? all, or one of ${RENEWABLE.join(', ')}`);
  const there = await expiries(places);
  const all = there.filter(({ authority, external }) => authority !== undefined && !external).map(({ name }) => name);
  const writer = new PkiWriter(places, io.clock.nowMs());
  for (const name of names.includes('all') ? all : names) {
    io.signal.throwIfAborted();
    io.out(`renewed ${await renew(name, places, writer)}\n`);
  }
  return 0;
}
