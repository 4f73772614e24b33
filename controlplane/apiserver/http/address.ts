/** Under which address other machines reach this one. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { AppError } from '#base/errors.ts';

/** The address to listen on, unless that means all: then the first one of the interface with the default route, or of any other. Throws AppError ADDRESS. */
export async function hostAddress(bindAddress: string): Promise<string> {
  if (!/^(0\.0\.0\.0|::)$/.test(bindAddress)) return bindAddress;
  const family = bindAddress === '::' ? 'IPv6' : 'IPv4';
  const all = Object.entries(networkInterfaces());
  const preferred = await defaultRouteInterface();
  const addresses = [...all.filter(([name]) => name === preferred), ...all]
    .flatMap(([, found = []]) => found)
    .filter((a) => !a.internal && a.family === family && !a.address.startsWith('fe80:'));
  const [first] = addresses;
  if (first !== undefined) return first.address;
  throw new AppError('ADDRESS', 'Cannot find an address that others reach this server under: give one with --advertise-address');
}

/** Source: /proc/net/route: the destination and mask of the default route are 0. */
async function defaultRouteInterface(): Promise<string | undefined> {
  const table = await readFile('/proc/net/route', 'utf8').catch(() => '');
  const rows = table.split('\n').map((line) => line.split('\t'));
  return rows.find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}
