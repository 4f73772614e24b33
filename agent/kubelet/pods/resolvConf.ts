/** The resolver that pods take over from the node. Throws: RESOLV_CONF_UNREADABLE. */
import { AppError } from '#base/errors.ts';
import { readResolvConf } from '../../linux/machine.ts';
import type { DnsConfig } from './dns.ts';

/** Without a file there is a server on the pod's own loopback, or none; the runtime would give the node's servers. */
export async function podResolvConf(path: string): Promise<DnsConfig> {
  if (path === '') return { servers: ['127.0.0.1'], searches: ['.'], options: [] };
  try {
    return await readResolvConf(path);
  } catch (err) {
    throw new AppError(
      'RESOLV_CONF_UNREADABLE',
      `Cannot read ${path}: name another file as resolvConf in the configuration, or "" for none`,
      {},
      err,
    );
  }
}
