/** Images from real Debian packages, in a real containerd, from a real registry. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { buildImages, builtImages } from '#agent/host/images/build.ts';
import type { BuiltImage } from '#agent/host/images/cache.ts';
import { testPackageSource } from '#agent/host/images/contract.ts';
import { Apt } from '#agent/host/images/debs.ts';
import { loadImages } from '#agent/host/images/load.ts';
import { serveImages, type ServeOptions } from '#agent/host/images/serve.ts';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { PAUSE_IMAGE } from './harness/ociImage.ts';

const skip = missing() ?? false;
const clock = new SystemClock();
const NAMES = ['pause', 'busybox', 'nginx'];
const NGINX = 'docker.io/library/nginx:latest';
const BUSYBOX = 'docker.io/library/busybox:latest';

testPackageSource('apt', (cacheDir) => new Apt({ cacheDir, clock, onStep: () => undefined }));

describe('images from Debian packages', { skip }, () => {
  let dir = '';
  let images: BuiltImage[] = [];
  const signal = new AbortController().signal;
  const build = (cacheDir: string, names: readonly string[] = NAMES): Promise<BuiltImage[]> =>
    buildImages({ names, cacheDir, clock, signal });

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'kijabi-images-'));
    images = await build(join(dir, 'cache'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('the same packages give the same bytes in another directory, under another umask, at another time', async () => {
    const other = join(dir, 'other', 'cache');
    mkdirSync(other, { recursive: true });
    cpSync(join(dir, 'cache', 'debs'), join(other, 'debs'), { recursive: true });
    const before = process.umask(0o077);
    try {
      const again = await build(other);
      assert.deepEqual(
        again.map((i) => [i.name, i.digest, i.imageId, i.packages]),
        images.map((i) => [i.name, i.digest, i.imageId, i.packages]),
      );
      for (const [i, image] of again.entries())
        assert.ok(readFileSync(image.archivePath).equals(readFileSync(images[i]!.archivePath)), image.name);
    } finally {
      process.umask(before);
    }
  });

  test('a cache that was built is used at once, and holds nothing half-done', async () => {
    const steps: string[] = [];
    const again = await buildImages({
      names: NAMES,
      cacheDir: join(dir, 'cache'),
      clock,
      signal,
      onStep: ({ step }) => void steps.push(step),
    });
    assert.deepEqual(steps, ['check', 'reuse', 'reuse', 'reuse']);
    assert.deepEqual(again, images);
    assert.deepEqual(
      readdirSync(join(dir, 'cache')).filter((f) => !/^(debs|\w+\.json|\w+_[\w.]+\.tar)$/.test(f)),
      [],
    );
  });

  test('a full disk, and packages that cannot be downloaded, are told as what they are', async () => {
    const small = join(dir, 'small');
    mkdirSync(small);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
    try {
      await assert.rejects(build(small, ['nginx']), { code: 'IMAGES_DISK_FULL', message: /--cache-dir/ });
      assert.deepEqual(
        readdirSync(small).filter((f) => f !== 'debs'),
        [],
      );
    } finally {
      await execa('umount', [small]);
    }
    const cacheDir = join(dir, 'offline');
    // Port 9 discards: nobody listens there.
    const aptArgs = ['-o', 'Acquire::http::Proxy=http://127.0.0.1:9', '-o', 'Acquire::https::Proxy=http://127.0.0.1:9'];
    const source = new Apt({ cacheDir, clock, onStep: () => undefined, aptArgs, archivesDir: '/nowhere' });
    const offline = buildImages({ names: ['pause'], cacheDir, clock, signal, source });
    await assert.rejects(offline, { code: 'IMAGES_NO_NETWORK', message: /check the network, or copy the cache directory/ });
  });

  test('a builder that is killed leaves nothing that another would take for whole', async () => {
    const cacheDir = join(dir, 'killed');
    cpSync(join(dir, 'cache', 'debs'), join(cacheDir, 'debs'), { recursive: true });
    const program = `import { buildImages, builtImages } from '#agent/host/images/build.ts'; import { SystemClock } from '#base/clock.ts';
      await buildImages({ names: ['nginx'], cacheDir: process.argv[1], clock: new SystemClock(), signal: new AbortController().signal });`;
    const child = execa(process.execPath, ['--input-type=module-typescript', '-e', program, cacheDir], {
      reject: false,
      cwd: new URL('.', import.meta.url),
    });
    const unpacked = async () => readdirSync(cacheDir, { recursive: true, encoding: 'utf8' }).some((f) => /^scratch-.*nginx$/.test(f));
    await until('the builder to be in the middle of it', unpacked, (found) => found);
    child.kill('SIGKILL');
    await child;
    assert.deepEqual(await builtImages(cacheDir), []);
    const [image] = await build(cacheDir, ['nginx']);
    assert.equal(image?.digest, images.find((i) => i.name === 'nginx')?.digest);
    assert.deepEqual(
      readdirSync(cacheDir).filter((f) => f.startsWith('scratch')),
      [],
    );
  });

  describe('imported into containerd', () => {
    let node: Node;
    before(async () => {
      node = await Node.start(images);
    });
    after(() => node.stop());

    test('a second load finds everything there; what was removed is imported again', async () => {
      const load = () => loadImages({ images, containerdAddress: node.ctd.endpoint, clock, signal });
      assert.deepEqual(
        (await load()).map((l) => l.kind),
        ['present', 'present', 'present'],
      );
      await node.ctd.ctr(['images', 'remove', '--sync', NGINX]);
      assert.deepEqual(
        (await load()).map((l) => l.kind),
        ['present', 'present', 'imported'],
      );
      const { image } = await node.cri.image.imageStatus({ image: { image: 'nginx' } });
      assert.equal(image?.id, images.find((i) => i.name === 'nginx')?.imageId);
    });

    test('a socket at which nobody listens is told from a containerd that refuses', async () => {
      const containerdAddress = join(dir, 'dead.sock');
      const server = createServer().listen(containerdAddress);
      await once(server, 'listening');
      renameSync(containerdAddress, `${containerdAddress}.kept`); // so that closing does not remove it
      await new Promise((done) => server.close(done));
      renameSync(`${containerdAddress}.kept`, containerdAddress);
      await assert.rejects(loadImages({ images, containerdAddress, clock, signal }), { code: 'IMAGES_CONTAINERD_UNREACHABLE' });
      const damaged = join(dir, 'damaged.tar');
      writeFileSync(damaged, 'no image at all');
      const broken = images.map((image) => ({ ...image, digest: 'sha256:0', archivePath: damaged }));
      await assert.rejects(loadImages({ images: broken, containerdAddress: node.ctd.socket, clock, signal }), {
        code: 'IMAGES_IMPORT_FAILED',
      });
    });

    test('nginx serves its page, logs to stdout as user nginx runs its workers, and ends in order when told', async () => {
      const web = await node.pod('web', NGINX);
      const client = await node.pod('client', BUSYBOX, { command: ['sleep', '1000'] });
      const page = await until(
        'nginx to answer',
        async () => node.exec(client.container, ['wget', '-qO-', `http://${web.ip}/`]),
        (r) => r.exitCode === 0,
      );
      assert.match(page.stdout, /Welcome to nginx!/);
      assert.match((await node.exec(web.container, ['ps'])).stdout, /nginx\s+nginx: worker process/);
      const log = await until(
        'the access log',
        async () => readFileSync(join(web.logs, 'web.log'), 'utf8'),
        (text) => text.includes('GET / HTTP'),
      );
      assert.match(log, /stdout F .*"GET \/ HTTP\/1\.1" 200 615/);
      await node.cri.runtime.stopContainer({ container_id: web.container, timeout: 10 });
      const { status } = await node.cri.runtime.containerStatus({ container_id: web.container });
      assert.equal(status?.exit_code, 0);
    });

    test('the tools of busybox are there: names are looked up, pages served and fetched', async () => {
      const pod = await node.pod('tools', BUSYBOX, { command: ['sleep', '1000'], dns: GATEWAY });
      const dns = await startDns(node.ctd.netns, pod.ip);
      try {
        const script = `mkdir /tmp/w && echo page > /tmp/w/index.html && httpd -p 8080 -h /tmp/w && id nobody
          nslookup any.test && wget -qO- http://any.test:8080/ && echo -e 'GET / HTTP/1.0\\r\\n\\r' | nc any.test 8080 && top -b -n1 | head -1`;
        const { stdout, stderr, exitCode } = await node.exec(pod.container, ['sh', '-c', script]);
        assert.equal(exitCode, 0, stderr);
        assert.match(
          stdout,
          new RegExp(`^uid=65534\\(nobody\\).*Name:\tany.test\nAddress: ${pod.ip}\n.*page\nHTTP/1.1 200 OK.*page\nMem: `, 's'),
        );
      } finally {
        await dns.stop();
      }
    });

    test('pause is PID 1 of a pod that shares its process namespace, takes in orphans, and ends on SIGTERM', async () => {
      const pod = await node.pod('shared', BUSYBOX, { command: ['sleep', '1000'], pid: 'POD' });
      const sh = (script: string) => node.exec(pod.container, ['sh', '-c', script]);
      assert.equal((await sh('cat /proc/1/comm')).stdout, 'pause\n');
      // Each inner shell ends before its child does, so that the child falls to PID 1.
      await sh('for i in 1 2 3 4 5 6 7 8; do (sleep 0.05 &); done');
      const names = await until(
        'the orphans to be taken in',
        async () => (await sh('cat /proc/[0-9]*/stat')).stdout,
        (text) => !/\((sleep)\) Z|\d+ \(sleep\) \S 1 /.test(text),
      );
      assert.doesNotMatch(names, /\) Z /);
      await node.ctd.ctr(['task', 'kill', '--signal', 'SIGTERM', pod.sandbox]);
      const ready = async () => (await node.cri.runtime.podSandboxStatus({ pod_sandbox_id: pod.sandbox })).status?.state;
      assert.equal(await until('pause to end', ready, (state) => state === 'SANDBOX_NOTREADY'), 'SANDBOX_NOTREADY');
    });

    test('pause as PID 1 of a pod of its own, as every other pod has it', async () => {
      const pod = await node.pod('own', BUSYBOX, { command: ['sleep', '1000'] });
      const { info } = await node.cri.runtime.podSandboxStatus({ pod_sandbox_id: pod.sandbox, verbose: true });
      const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.match(status, /^Name:\tpause$/m);
      assert.match(status, /^NSpid:\t\d+\t1$/m);
      assert.match(status, /^Uid:\t65535\t/m);
    });
  });

  describe('served by a registry', () => {
    const serve = async (
      options: Partial<ServeOptions>,
      work: (address: string, steps: string[], certsDir: string) => Promise<void>,
    ): Promise<void> => {
      const steps: string[] = [];
      const certsDir = join(dir, 'certs.d');
      const onStep: ServeOptions['onStep'] = ({ step }) => void steps.push(step);
      const base = {
        images,
        directory: join(dir, 'registry'),
        listen: '127.0.0.1:0',
        certsDir,
        cacheDir: join(dir, 'cache'),
        clock,
        signal,
        onStep,
      };
      const served = await serveImages({ ...base, ...options });
      try {
        await work(served.address, steps, certsDir);
      } finally {
        await served.stop();
      }
    };

    test('everything can be fetched, nothing can be changed, and a second start sends nothing', async () => {
      await serve({}, async (address, steps) => {
        // A machine that never had the registry's program gets it first.
        const gotten = steps.filter((step) => step !== 'download' && step !== 'unpack');
        assert.deepEqual(gotten, ['push', 'push', 'push', 'serve']);
        const nginx = images.find((i) => i.name === 'nginx')!;
        const tag = nginx.refs[1]!.split(':')[1]!;
        const manifest = await fetch(`http://${address}/v2/library/nginx/manifests/${tag}`, {
          headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
        });
        assert.equal(manifest.headers.get('docker-content-digest'), nginx.digest);
        const upload = await fetch(`http://${address}/v2/library/nginx/blobs/uploads/`, { method: 'POST' });
        assert.equal(upload.status, 405);
        await assert.rejects(
          serve({ listen: address }, () => assert.fail('two servers on one address')),
          { code: 'IMAGES_ADDRESS_IN_USE' },
        );
      });
      await serve({}, async (_, steps) => assert.deepEqual(steps, ['present', 'present', 'present', 'serve']));
    });

    test('hosts.toml points there while it runs; files of others are left alone', async () => {
      await serve({ tags: [{ name: 'busybox', ref: 'quay.io/some/thing:v1' }] }, async (address, _, certsDir) => {
        assert.deepEqual(readdirSync(certsDir).sort(), ['docker.io', 'quay.io', 'registry.k8s.io']);
        const text = readFileSync(join(certsDir, 'docker.io', 'hosts.toml'), 'utf8');
        assert.ok(text.includes(`[host."http://${address}"]`) && text.includes('server = "https://registry-1.docker.io"'), text);
      });
      const certsDir = join(dir, 'certs.d');
      assert.deepEqual(readdirSync(certsDir), []);
      mkdirSync(join(certsDir, 'docker.io'));
      writeFileSync(join(certsDir, 'docker.io', 'hosts.toml'), 'server = "https://mirror.example"\n');
      await assert.rejects(
        serve({}, () => assert.fail('overwrote a file')),
        { code: 'IMAGES_HOSTS_TOML_TAKEN' },
      );
      rmSync(join(certsDir, 'docker.io'), { recursive: true });
    });

    test('the same name for two images is refused', async () => {
      const tags = [{ name: 'busybox', ref: 'registry.k8s.io/library/nginx:latest' }];
      await assert.rejects(
        serve({ tags }, () => assert.fail('served both')),
        { code: 'IMAGES_REF_CLASH' },
      );
    });

    test('containerd pulls nginx and pause through the mirror inside its network namespace', async (t) => {
      const ctd = await startContainerd({ images: 'none' });
      t.after(() => ctd.stop());
      const certsDir = join(ctd.dir, 'certs.d');
      await ctd.kill();
      appendFileSync(join(ctd.dir, 'config.toml'), `[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "${certsDir}"\n`);
      await ctd.start();
      const netns = `/run/netns/${ctd.netns}`;
      await serve({ certsDir, netns, listen: '127.0.0.1:5000', tags: [{ name: 'pause', ref: PAUSE_IMAGE }] }, async () => {
        const cri = new CriClient({ endpoint: ctd.endpoint, clock });
        t.after(() => cri.close());
        for (const [image, name] of [
          ['nginx', 'nginx'],
          [PAUSE_IMAGE, 'pause'],
          ['docker.io/library/busybox', 'busybox'],
        ] as const) {
          const { image_ref } = await cri.image.pullImage({ image: { image } });
          assert.equal(image_ref, images.find((i) => i.name === name)?.imageId, image);
        }
        const { image } = await cri.image.imageStatus({ image: { image: 'nginx' } });
        assert.deepEqual(image?.repo_digests, [`docker.io/library/nginx@${images.find((i) => i.name === 'nginx')?.digest}`]);
      });
    });

    test('a registry that dies is noticed', async () => {
      const served = await serveImages({ images: [], directory: join(dir, 'registry3'), listen: '127.0.0.1:0', clock, signal });
      process.kill(served.pid, 'SIGKILL');
      await assert.rejects(served.ended, { code: 'IMAGES_REGISTRY_FAILED' });
      await served.stop();
    });

    test('stopping while it starts leaves no registry behind', async () => {
      const stop = new AbortController();
      const onStep = (): void => stop.abort(new Error('enough')); // after the first image of three
      const starting = serveImages({
        images,
        directory: join(dir, 'registry4'),
        listen: '127.0.0.1:0',
        clock,
        signal: stop.signal,
        onStep,
      });
      await assert.rejects(starting, /enough/);
      const { stdout } = await execa('ps', ['-eo', 'args']);
      assert.doesNotMatch(stdout, /docker-registry.*kijabi-registry-/);
      assert.deepEqual(readdirSync(join(dir, 'registry4')), ['data']);
    });

    test('without an installed docker-registry its package is unpacked and run from the cache', async () => {
      const cacheDir = join(dir, 'tool');
      await serve({ cacheDir, program: 'fromPackage', directory: join(dir, 'registry2'), images: images.slice(0, 1) }, async (address) => {
        assert.equal((await fetch(`http://${address}/v2/pause/tags/list`)).status, 200);
        assert.match(readdirSync(join(cacheDir, 'tools')).join(), /^docker-registry_[\d.]+/);
      });
    });
  });
});

interface Pod {
  readonly sandbox: string;
  readonly container: string;
  readonly ip: string;
  readonly logs: string;
}

/** A containerd with our images and nothing else, and pods in it. */
class Node {
  readonly ctd: TestContainerd;
  readonly cri: CriClient;

  private constructor(ctd: TestContainerd) {
    this.ctd = ctd;
    this.cri = new CriClient({ endpoint: ctd.endpoint, clock });
  }

  static async start(images: readonly BuiltImage[]): Promise<Node> {
    const ctd = await startContainerd({ images: 'none' });
    const node = new Node(ctd);
    try {
      const tags = [{ name: 'pause', ref: PAUSE_IMAGE }];
      const loaded = await loadImages({ images, tags, containerdAddress: ctd.endpoint, clock, signal: new AbortController().signal });
      assert.deepEqual(
        loaded.map((l) => l.kind),
        ['imported', 'imported', 'imported'],
      );
      return node;
    } catch (err) {
      await node.stop();
      throw err;
    }
  }

  async pod(
    name: string,
    image: string,
    { command = [], pid = 'CONTAINER', dns }: { command?: readonly string[]; pid?: 'POD' | 'CONTAINER'; dns?: string } = {},
  ): Promise<Pod> {
    const logs = join(this.ctd.dir, 'logs', name);
    mkdirSync(logs, { recursive: true });
    const metadata = { name, uid: name, namespace: 'default', attempt: 0 };
    const namespace_options = { network: 'POD', pid, ipc: 'POD' } as const;
    const config = {
      metadata,
      log_directory: logs,
      ...(dns === undefined ? {} : { dns_config: { servers: [dns] } }),
      linux: { cgroup_parent: `${this.ctd.cgroupRoot}/${name}`, security_context: { namespace_options } },
    };
    const { pod_sandbox_id: sandbox } = await this.cri.runtime.runPodSandbox({ config });
    const { status } = await this.cri.runtime.podSandboxStatus({ pod_sandbox_id: sandbox });
    const container = {
      metadata: { name },
      image: { image },
      command,
      log_path: `${name}.log`,
      linux: { security_context: { namespace_options } },
    };
    const { container_id } = await this.cri.runtime.createContainer({ pod_sandbox_id: sandbox, config: container, sandbox_config: config });
    await this.cri.runtime.startContainer({ container_id });
    return { sandbox, container: container_id, ip: status?.network?.ip ?? '', logs };
  }

  async exec(container_id: string, cmd: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number }> {
    const { stdout, stderr, exit_code } = await this.cri.runtime.execSync({ container_id, cmd, timeout: 20 });
    return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode: exit_code };
  }

  async stop(): Promise<void> {
    this.cri.close();
    await this.ctd.stop();
  }
}

/** Of the harness's bridge, which is there once there is a pod. */
const GATEWAY = '10.88.0.1';

/** Answers every question for an IPv4 address with the same one, and all others with nothing. */
const DNS = `
  const [address, answer] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const isA = query.readUInt16BE(end - 4) === 1;
    const header = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
    const record = isA ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...answer.split('.').map(Number)]) : Buffer.alloc(0);
    socket.send(Buffer.concat([header, query.subarray(12, end), record]), from.port, from.address);
  });
  socket.bind(53, address, () => console.log('listening'));
`;

async function startDns(netns: string, answer: string): Promise<{ stop(): Promise<void> }> {
  const child = execa('nsenter', [`--net=/run/netns/${netns}`, process.execPath, '-e', DNS, GATEWAY, answer], { reject: false });
  await once(child.stdout, 'data');
  return {
    async stop() {
      child.kill('SIGKILL');
      await child;
    },
  };
}

const GIVE_UP_AFTER_MS = 30_000;

async function until<T>(what: string, look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  const startMs = clock.monotonicMs();
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    if (clock.monotonicMs() - startMs > GIVE_UP_AFTER_MS)
      throw new Error(`waited in vain for ${what}; last seen: ${JSON.stringify(value)}`);
    await delay(20);
  }
}
