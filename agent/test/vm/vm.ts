/**
 * One virtual machine for a test: started without a disk of its own (changes go to a file that is removed), reached by ssh over a
 * loopback port, emulated in software so that it runs where there is no KVM (some ten times slower than the host).
 *
 * Needs qemu-system-x86 and openssh-client.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { until } from '../harness/until.ts';
import type { VmImage } from './image.ts';

export interface VmOptions {
  readonly image: VmImage;
  /** A tar archive that the machine finds as /dev/vdb. */
  readonly archive?: string;
  readonly memoryMb?: number;
  readonly cpus?: number;
}

/** Emulation on a busy host takes its time (ten minutes were not enough at a load of 20); longer than this it does not come up at all. */
const BOOT_LIMIT_MS = 2_400_000;

export class Vm {
  readonly #folder: string;
  readonly #port: number;
  readonly #key: string;
  readonly #qemu: ReturnType<typeof startQemu>;
  #ended = false;

  private constructor(folder: string, port: number, key: string, qemu: ReturnType<typeof startQemu>) {
    this.#folder = folder;
    this.#port = port;
    this.#key = key;
    this.#qemu = qemu;
    void qemu.then(() => (this.#ended = true));
  }

  static async start(options: VmOptions): Promise<Vm> {
    const folder = mkdtempSync(join(tmpdir(), 'kijabi-vm-'));
    try {
      const overlay = join(folder, 'disk.qcow2');
      await execa('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', options.image.disk, overlay]);
      const port = await freePort();
      const vm = new Vm(folder, port, options.image.key, startQemu({ ...options, folder, overlay, port }));
      try {
        await until('the virtual machine answers', () => vm.#answers(), BOOT_LIMIT_MS);
      } catch (err) {
        const said = vm.#console();
        await vm.close();
        throw new Error(`its console: ${said}`, { cause: err });
      }
      return vm;
    } catch (err) {
      rmSync(folder, { recursive: true, force: true });
      throw err;
    }
  }

  async #answers(): Promise<boolean> {
    if (this.#ended) throw new Error('the virtual machine ended');
    const { exitCode } = await execa('ssh', this.#ssh('true'), { reject: false, timeout: 120_000 });
    return exitCode === 0;
  }

  #console(): string {
    return readFileSync(join(this.#folder, 'console'), 'utf8').slice(-2_000);
  }

  #ssh(command: string): string[] {
    const options = {
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      ConnectTimeout: '100',
      LogLevel: 'ERROR',
      BatchMode: 'yes',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return ['-i', this.#key, '-p', String(this.#port), ...flags, 'root@127.0.0.1', command];
  }

  /** A shell command in the machine. Throws when it fails. onLine hears what it says while it says it. */
  async run(command: string, { onLine }: { readonly onLine?: (line: string) => void } = {}): Promise<string> {
    const child = execa('ssh', this.#ssh(command));
    if (onLine !== undefined) createInterface(child.stdout).on('line', onLine);
    return (await child).stdout;
  }

  async close(): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#qemu;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface QemuOptions extends VmOptions {
  readonly folder: string;
  readonly overlay: string;
  readonly port: number;
}

function startQemu({ image, archive, memoryMb = 1_536, cpus = 2, folder, overlay, port }: QemuOptions) {
  const kernelLine =
    'console=ttyS0 root=/dev/vda rw net.ifnames=0 quiet mitigations=off systemd.default_timeout_start_sec=1800 systemd.default_timeout_stop_sec=1800';
  const disk = (id: string, file: string): string[] => ['-drive', `${file},if=none,id=${id}`, '-device', `virtio-blk-pci,drive=${id}`];
  return execa(
    'qemu-system-x86_64',
    [
      ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max', '-machine', 'q35,usb=off', '-m', String(memoryMb), '-smp', String(cpus)],
      ['-nodefaults', '-no-user-config', '-display', 'none'],
      ['-kernel', image.kernel, '-initrd', image.initrd, '-append', kernelLine],
      disk('d0', `file=${overlay},format=qcow2,cache=unsafe`),
      archive === undefined ? [] : disk('d1', `file=${archive},format=raw,readonly=on`),
      ['-netdev', `user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`, '-device', 'virtio-net-pci,netdev=n0,romfile='],
      ['-device', 'virtio-rng-pci', '-serial', `file:${join(folder, 'console')}`],
    ].flat(),
    { reject: false, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
