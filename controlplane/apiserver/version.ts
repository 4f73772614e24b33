/** What /version answers: the release of the API that this server speaks, and which build of ours it is. Pure. */
import { RELEASE } from '#base/version.ts';

/** Clients decide by major and minor what they may use. */
export const KUBERNETES_VERSION = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: RELEASE,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'node',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
