/** What containers said before they ended, beside what the runtime knows of them. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodDisk } from '../disk/act.ts';
import { podName } from '../paths.ts';
import type { RuntimeContainer } from '../runtime/types.ts';
import { containerNamed } from './containers.ts';

/** Their own message goes before the runtime's. */
export function withLastWords(
  disk: Pick<PodDisk, 'terminationMessage'>,
  pod: Pod,
  containers: readonly RuntimeContainer[],
): Promise<RuntimeContainer[]> {
  return Promise.all(
    containers.map(async (c) => {
      if (c.state !== 'exited') return c;
      const fallBackToLogs = containerNamed(pod.spec, c.name)?.terminationMessagePolicy === 'FallbackToLogsOnError';
      const said = await disk.terminationMessage({ ...podName(pod), uid: c.uid }, { ...c, fallBackToLogs });
      return { ...c, message: said || c.message };
    }),
  );
}
