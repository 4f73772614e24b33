/** `podman kube play` of the same pod, as a peer, when podman is installed: own storage, own directories, the same network namespace. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { TestContainerd } from '../harness/containerd.ts';
import { manifest } from '../harness/manifest.ts';
import { BUSYBOX_IMAGE, busyboxImage, PAUSE_IMAGE, pauseImage, writeImage } from '../harness/ociImage.ts';
import { unmountBelow } from '../harness/leftovers.ts';
import { median, ms, percentile, row } from './report.ts';

export async function podmanPeer(containerd: TestContainerd, rounds: number): Promise<void> {
  const what = 'podman kube play of the same pod';
  if (!existsSync('/usr/bin/podman')) return row(what, ['podman is not installed'], 'skipped');
  const dir = join(containerd.dir, 'podman');
  mkdirSync(dir);
  const file = join(dir, 'pod.yaml');
  writeFileSync(file, manifest({ name: 'peer' }));
  // Without CAP_SYS_RESOURCE podman cannot raise limits above those it was started with.
  const hard = (name: string): string =>
    new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]?.replace('unlimited', '-1') ?? '-1';
  const limits = [`nofile=${hard('Max open files')}:${hard('Max open files')}`, `nproc=${hard('Max processes')}:${hard('Max processes')}`];
  const conf = join(dir, 'containers.conf');
  writeFileSync(conf, `[containers]\ndefault_ulimits = ${JSON.stringify(limits)}\n`);
  const storage = `--root ${join(dir, 'root')} --runroot ${join(dir, 'run')} --tmpdir ${join(dir, 'tmp')} --storage-driver overlay`;
  const flags = `${storage} --cgroup-manager cgroupfs --events-backend none --runtime runc`.split(' ');
  // runc in a hybrid of cgroup versions must not see the second tree.
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec podman "$@"';
  const enter = [`--net=/run/netns/${containerd.netns}`, 'unshare', '-m', '--propagation', 'slave', 'sh', '-c', script, 'podman'];
  const podman = async (...args: string[]): Promise<string> =>
    (await execa('nsenter', [...enter, ...flags, ...args], { env: { CONTAINERS_CONF: conf } })).stdout;
  try {
    for (const [image, name] of [
      [busyboxImage(), BUSYBOX_IMAGE],
      [pauseImage(), PAUSE_IMAGE],
    ] as const) {
      const archive = join(dir, 'image.tar');
      await writeImage(image, archive);
      const loaded = /(?:sha256:\w+|\S+)$/.exec(await podman('load', '-q', '-i', archive))?.[0] ?? '';
      await podman('tag', loaded, name);
    }
    const took: number[] = [];
    for (let i = 0; i < Math.min(rounds, 10) + 1; i++) {
      const t0 = performance.now();
      await podman('kube', 'play', '--network', 'none', file);
      if (i > 0) took.push(performance.now() - t0);
      await podman('kube', 'down', file);
    }
    row(what, [`p95 ${ms(percentile(took, 95))}`, 'runc, no network'], ms(median(took)));
  } catch (err) {
    row(what, [(err as Error).message.split('\n').slice(0, 3).join(' | ').slice(-300)], 'failed');
  } finally {
    await unmountBelow(dir);
    rmSync(dir, { recursive: true, force: true });
  }
}
