/** The address by which others reach this host: the first of the interface with the default route, or else of any that is not loopback. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

export function ownAddress(): string | undefined {
  const interfaces = networkInterfaces();
  const routed = defaultRoute();
  const names = [...(routed === undefined ? [] : [routed]), ...Object.keys(interfaces)];
  return names.flatMap((name) => interfaces[name] ?? []).find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

/** Source: proc_pid_net(5): destination and mask of the default route are zero, the second column is in hex. */
function defaultRoute(): string | undefined {
  const rows = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
  return rows
    .map((row) => row.split('\t'))
    .find(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')?.[0];
}
