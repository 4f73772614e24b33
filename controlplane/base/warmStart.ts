/**
 * A process that strips the types of one file keeps the stripper, 17 MB, for as long as it lives. So a daemon whose files were not in the
 * compile cache writes them there and starts anew in place, with the same PID, once: after an installation or an update.
 */
import { flushCompileCache, getCompileCacheDir } from 'node:module';

const AGAIN = 'KIJABI_STARTED_AGAIN';
const STRIPPER = 'NativeModule internal/deps/amaro/dist/index';

/** later: modules that the daemon may load one day, which shall be in the cache too. Returns when the process may go on as it is. */
export async function startWarm(later: readonly (() => Promise<unknown>)[] = []): Promise<void> {
  const { env, execPath, execArgv, argv } = process;
  const isSecond = env[AGAIN] !== undefined;
  delete env[AGAIN];
  if (isSecond || getCompileCacheDir() === undefined || !hasStripper()) return;
  await Promise.all(later.map((load) => load()));
  flushCompileCache();
  process.execve?.(execPath, [execPath, ...execArgv, ...argv.slice(1)], { ...env, [AGAIN]: '1' });
}

/** Only Node's own list of what it loaded tells; where it has none the daemon goes on, larger. */
function hasStripper(): boolean {
  const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] };
  return moduleLoadList?.includes(STRIPPER) ?? false;
}
