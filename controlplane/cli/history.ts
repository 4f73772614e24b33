/** `kijabi history KIND NAME`: the versions of an object that the API server still has, who changed which fields and when. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtinScheme } from '#api/definitions/all.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { VERSION } from '#base/version.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { ObjectHistory, ObjectVersion } from '../apiserver/history/history.ts';
import type { Command } from './io.ts';
import { formatHistory, pathOf, versionAt } from './view/history.ts';

export const USAGE = `Usage: kijabi history KIND NAME [-n NAMESPACE] [--at REVISION|TIME]
       kijabi history /api/v1/namespaces/NAMESPACE/pods/NAME

Shows the versions of an object that the API server still holds, newest first: who changed which fields and when. The embedded store
keeps them for a day after they were replaced (kube-apiserver --history-retention); etcd until it compacts, without times.
Whoever asks needs the right to get the subresource history of the object.

  -n, --namespace NAMESPACE  default: that of the kubeconfig
      --at REVISION|TIME     print the object as it was then, as YAML; TIME as 2026-01-31T23:59:59Z or 2026-01-31T23:59:59+09:00
      --kubeconfig FILE      default: $KUBECONFIG, then ~/.kube/config
      --context NAME         default: the file's current context
  -o, --output json          print what the server says
  -h, --help                 print this
`;

const OPTIONS = {
  namespace: { type: 'string', short: 'n' },
  at: { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  output: { type: 'string', short: 'o' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const historyCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  if (values.output !== undefined && values.output !== 'json') throw new AppError('USAGE', `--output: want json, got ${values.output}`);
  const file = values.kubeconfig ?? io.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config');
  const config = await loadKubeconfig(file, values.context === undefined ? {} : { context: values.context });
  const path = pathOf(positionals, values.namespace ?? config.namespace, builtinScheme());
  const log = makeLogger({ clock: io.clock, level: 'warn', write: (line) => io.err(`${line.replace(/^<\d>/, '')}\n`) });
  const client = connect({ config, clock: io.clock, log, userAgent: `kijabi/${VERSION}` });
  try {
    const query = values.at === undefined ? '' : '?objects=true';
    const history = (await client.json('GET', `${path}/history${query}`, { signal: io.signal })) as ObjectHistory;
    if (values.output === 'json')
      io.out(`${JSON.stringify(values.at === undefined ? history : versionAt(history, values.at), undefined, 2)}\n`);
    else if (values.at === undefined) io.out(formatHistory(history, path));
    else io.out(await yamlOf(versionAt(history, values.at)));
    return 0;
  } finally {
    client.close();
  }
};

async function yamlOf({ object, resourceVersion }: ObjectVersion): Promise<string> {
  if (object === undefined) throw new AppError('NOT_THERE', `It was deleted at revision ${resourceVersion}`);
  const { managedFields: _, ...metadata } = object.metadata;
  const { stringify } = await import('yaml');
  return stringify({ ...object, metadata } satisfies KubeObject, { aliasDuplicateObjects: false });
}
