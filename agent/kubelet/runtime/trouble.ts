/**
 * Tells apart what a runtime could not do, from its text, so that the message names the cause and the next step. Pure.
 *
 * Ids of objects made in vain are left out: the same trouble has the same text each time, so that the log can fold it and events count it.
 * Source: texts of containerd 1.6, 1.7 and 2.x (pkg/cri), and of the CNI plugins.
 */
import { AppError } from '#base/errors.ts';

interface Trouble {
  readonly code: string;
  readonly pattern: RegExp;
  readonly message: (match: RegExpExecArray, text: string) => string;
}

const TROUBLES: readonly Trouble[] = [
  {
    code: 'NETWORK_NOT_CONFIGURED',
    pattern: /cni plugin not initialized|cni config uninitialized|no network config found/,
    message: () =>
      'No pod network is configured: put a CNI configuration (*.conflist) into the directory the runtime reads, /etc/cni/net.d for containerd',
  },
  {
    code: 'NETWORK_PLUGIN_MISSING',
    pattern: /failed to find plugin "([^"]+)" in path \[([^\]]*)\]/,
    message: ([, plugin, path]) =>
      `The CNI plugin ${plugin} is not in ${path}: install it there (Debian: containernetworking-plugins, in /usr/lib/cni), or set bin_dir in the runtime's configuration`,
  },
  {
    code: 'NETWORK_FULL',
    pattern: /no IP addresses available in (?:range set|network):? ?(.*)/,
    message: ([, range]) =>
      `The pod network has no free address left (${range}): remove pods, or give it a larger range in the CNI configuration`,
  },
  {
    code: 'SANDBOX_IMAGE_MISSING',
    pattern: /failed to (?:get|pull) sandbox image "([^"]+)"(.*)/s,
    message: ([, image, why = '']) =>
      `The runtime cannot get its own image ${image} (sandbox_image in its configuration): load it, or let the runtime reach the registry${why}`,
  },
  {
    code: 'DISK_FULL',
    pattern: /no space left on device|disk quota exceeded/,
    message: (_, text) => `No space left on the runtime's disk, free some (df -h): ${text}`,
  },
];

/** A 64-digit id in what the runtime says, with the quotes around it. */
const ID = / ?"?\b[0-9a-f]{64}\b"?/g;

/** What is worth more than the runtime's own words; anything else comes back as it is. */
export function runtimeTrouble(err: unknown): unknown {
  if (!(err instanceof AppError) || err.code !== 'CRI_FAILED') return err;
  for (const { code, pattern, message } of TROUBLES) {
    const match = pattern.exec(err.message);
    if (match !== null) return new AppError(code, message(match, err.message).replaceAll(ID, ''), err.facts);
  }
  const text = err.message.replaceAll(ID, '');
  return text === err.message ? err : new AppError(err.code, text, err.facts);
}
