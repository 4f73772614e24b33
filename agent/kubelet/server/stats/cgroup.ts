/**
 * What the control group of a container tells beyond the CRI, for /metrics/cadvisor. Pure.
 * Source: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel. Units: seconds, bytes. undefined: the kernel does not tell.
 */
export interface DeviceUse {
  /** major:minor */
  readonly device: string;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface GroupUse {
  readonly userSeconds: number | undefined;
  readonly systemSeconds: number | undefined;
  /** Of a limit of CPU. */
  readonly periods: number | undefined;
  readonly throttledPeriods: number | undefined;
  readonly throttledSeconds: number | undefined;
  readonly cacheBytes: number | undefined;
  readonly mappedBytes: number | undefined;
  readonly swapBytes: number | undefined;
  readonly threads: number | undefined;
  readonly oomKills: number | undefined;
  readonly devices: readonly DeviceUse[];
}

/** Controller and file of each text that groupUse reads; '' is any. */
export const GROUP_FILES = {
  v1: {
    cpu: ['cpu', 'cpu.stat'],
    cpuacct: ['cpuacct', 'cpuacct.stat'],
    memory: ['memory', 'memory.stat'],
    oom: ['memory', 'memory.oom_control'],
    pids: ['pids', 'pids.current'],
    bytes: ['blkio', 'blkio.throttle.io_service_bytes_recursive'],
    times: ['blkio', 'blkio.throttle.io_serviced_recursive'],
  },
  v2: {
    cpu: ['cpu', 'cpu.stat'],
    memory: ['memory', 'memory.stat'],
    swap: ['memory', 'memory.swap.current'],
    oom: ['memory', 'memory.events'],
    pids: ['pids', 'pids.current'],
    io: ['io', 'io.stat'],
  },
} as const;

type Texts = Readonly<Record<string, string>>;

/** texts: by the names of GROUP_FILES; a file that is not there is an empty text. */
export function groupUse(mode: 'v1' | 'v2', texts: Texts): GroupUse {
  const of = (name: string, key: string, unit = 1): number | undefined => {
    const found = new RegExp(`^${key} (\\d+)$`, 'm').exec(texts[name] ?? '')?.[1];
    return found === undefined ? undefined : Number(found) / unit;
  };
  const number = (name: string): number | undefined => (/^\d+\s*$/.test(texts[name] ?? '') ? Number(texts[name]) : undefined);
  const shared = {
    periods: of('cpu', 'nr_periods'),
    throttledPeriods: of('cpu', 'nr_throttled'),
    threads: number('pids'),
    oomKills: of('oom', 'oom_kill'),
  };
  if (mode === 'v2')
    return {
      ...shared,
      userSeconds: of('cpu', 'user_usec', 1e6),
      systemSeconds: of('cpu', 'system_usec', 1e6),
      throttledSeconds: of('cpu', 'throttled_usec', 1e6),
      cacheBytes: of('memory', 'file'),
      mappedBytes: of('memory', 'file_mapped'),
      swapBytes: number('swap'),
      devices: ioStat(texts['io'] ?? ''),
    };
  return {
    ...shared,
    // The kernel's clock ticks, 100 a second.
    userSeconds: of('cpuacct', 'user', 100),
    systemSeconds: of('cpuacct', 'system', 100),
    throttledSeconds: of('cpu', 'throttled_time', 1e9),
    cacheBytes: of('memory', 'total_cache'),
    mappedBytes: of('memory', 'total_mapped_file'),
    swapBytes: of('memory', 'total_swap'),
    devices: blkio(texts['bytes'] ?? '', texts['times'] ?? ''),
  };
}

/** "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
function ioStat(text: string): DeviceUse[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.trim().split(' ');
    if (!/^\d+:\d+$/.test(device) || pairs.length === 0) return [];
    const values = new Map(pairs.map((pair) => pair.split('=') as [string, string]));
    const of = (key: string): number => Number(values.get(key) ?? 0);
    return [{ device, readBytes: of('rbytes'), writeBytes: of('wbytes'), reads: of('rios'), writes: of('wios') }];
  });
}

/** "8:0 Read 1" */
function blkio(bytes: string, times: string): DeviceUse[] {
  const of = (text: string, device: string, what: string): number =>
    Number(new RegExp(`^${device} ${what} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  const devices = new Set([...bytes.matchAll(/^(\d+:\d+) Read \d+$/gm)].map(([, device = '']) => device));
  return [...devices].map((device) => ({
    device,
    readBytes: of(bytes, device, 'Read'),
    writeBytes: of(bytes, device, 'Write'),
    reads: of(times, device, 'Read'),
    writes: of(times, device, 'Write'),
  }));
}
