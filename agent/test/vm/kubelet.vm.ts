/**
 * The kubelet on a kernel with cgroup v2 alone, as a service of systemd: limits where that kernel has them, with both drivers, huge
 * pages, and a machine that starts again. A stage of its own (npm run test:vm): emulated, some ten times slower than the host.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { until } from '../harness/until.ts';
import { startMachine, whyNoMachine } from './machine.ts';
import type { Vm } from './vm.ts';

/** The host may be busy with other things. */
const PATIENT_MS = 3_600_000;
const ROOT = new URL('../../../', import.meta.url).pathname;
const IMAGES = ['pause', 'busybox', 'nginx'];

/** By itself containerd leaves the limits of huge pages to the pod's group. */
const containerd = (pause: string, byCgroupDriver: boolean): string => `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pause}"
  disable_hugetlb_controller = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = ${byCgroupDriver}
`;

const NGINX = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'static-nginx' },
  spec: {
    containers: [
      {
        name: 'nginx',
        image: 'nginx',
        imagePullPolicy: 'Never',
        ports: [{ containerPort: 80 }],
        resources: { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '500m', memory: '96Mi' } },
      },
    ],
  },
};
const busybox = (name: string, script: string, container: object, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: 'busybox', imagePullPolicy: 'Never', command: ['sh', '-c', script], ...container }],
    ...spec,
  },
});

interface Seen {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly podIP?: string;
    readonly phase: string;
    readonly containerStatuses?: readonly {
      readonly containerID: string;
      readonly restartCount: number;
      readonly state?: { readonly running?: object };
      readonly lastState?: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
    }[];
  };
}

void describe('the kubelet in a virtual machine with cgroup v2', { skip: (await whyNoMachine()) ?? false }, () => {
  let vm: Vm;
  let pause: string;
  before(async () => {
    const built = await execa('sh', [`${ROOT}controlplane/cli/kijabi`, 'images', 'build', '-o', 'json', ...IMAGES], { stderr: 'inherit' });
    const images = JSON.parse(built.stdout) as { name: string; ref: string; archivePath: string }[];
    pause = images.find(({ name }) => name === 'pause')?.ref ?? '';
    assert.equal(images.length, IMAGES.length);
    vm = await startMachine({ files: images.map(({ archivePath }) => archivePath), memoryMb: 2_048 });
    await driver('cgroupfs');
    // What is there before stays as it is.
    await put('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS="--config-dir=/etc/kubernetes/drop-ins"\n');
    await vm.run('systemctl restart containerd && for f in /files/*; do ctr -n k8s.io images import $f >&2 || exit 1; done; rm -r /files');
    assert.equal(await vm.run('stat -f -c %T /sys/fs/cgroup'), 'cgroup2fs');
    for (const unit of ['kubelet', 'kube-proxy'])
      await put(`/etc/systemd/system/${unit}.service.d/slow.conf`, '[Service]\nTimeoutStartSec=1h\nTimeoutStopSec=1h\nWatchdogSec=1h\n');
    // It lies where it would be installed: copying five thousand files takes the emulator a quarter of an hour.
    const stamp = '/usr/lib/kijabi/node_modules/.cache/kijabi';
    await vm.run(`mv /tree /usr/lib/kijabi && mkdir -p ${stamp} && cp /usr/lib/kijabi/package-lock.json ${stamp}`);
    await vm.run('/usr/lib/kijabi/systemd/install.sh >&2');
  });
  after(async () => {
    await vm?.close();
  });

  async function put(path: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString('base64');
    await vm.run(`mkdir -p $(dirname ${path}) && echo ${encoded} | base64 -d > ${path}.new && mv ${path}.new ${path}`);
  }
  /** Of the runtime and of the kubelet, who have to agree; each when it starts the next time. */
  async function driver(cgroupDriver: 'cgroupfs' | 'systemd', more: object = {}): Promise<void> {
    await put('/etc/containerd/config.toml', containerd(pause, cgroupDriver === 'systemd'));
    const config = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', cgroupDriver, ...more };
    await put('/etc/kubernetes/drop-ins/10-driver.conf', JSON.stringify(config));
  }
  const apply = (pod: { metadata?: { name: string } } & object): Promise<void> =>
    put(`/etc/kubernetes/manifests/${pod.metadata?.name}.yaml`, JSON.stringify(pod));
  /** As the local socket tells it: a command of ours takes the emulator a minute to start. */
  async function pod(name: string): Promise<Seen | undefined> {
    const text = await vm.run('curl -s --unix-socket /var/lib/kubelet/kubelet.sock http://kubelet/pods; true');
    if (text === '') return undefined;
    return (JSON.parse(text) as { items: Seen[] }).items.find(({ metadata }) => metadata.name === `${name}-kijabi-vm`);
  }
  async function running(name: string): Promise<Seen> {
    let seen: Seen | undefined;
    await until(
      `${name} runs`,
      // After a start of the machine the one before is told of until the new one is there.
      async () => (seen = await pod(name))?.status.containerStatuses?.[0]?.state?.running !== undefined && seen?.status.podIP !== undefined,
      PATIENT_MS,
    ).catch(async (err: unknown) => {
      throw new Error(
        `${JSON.stringify(seen)}\n${await vm.run('journalctl -u kubelet -n 40 --no-pager; journalctl -u containerd -n 20 --no-pager')}`,
        {
          cause: err,
        },
      );
    });
    return seen as Seen;
  }
  async function gone(name: string): Promise<void> {
    await vm.run(`rm /etc/kubernetes/manifests/${name}.yaml`);
    // Nobody answers while the kubelet starts, which is no word about the pod.
    const answers = async (): Promise<boolean> => (await vm.run('systemctl is-active kubelet; true')) === 'active';
    await until(`${name} is gone`, async () => (await pod(name)) === undefined && (await answers()), PATIENT_MS);
  }
  const groupOf = (name: string, part: string): Promise<string> =>
    vm.run(`for p in $(pgrep ${part}); do sed -n 's/^0:://p' /proc/$p/cgroup; done | sort -u | grep -F ${name} | head -1`);
  const read = (group: string, file: string): Promise<string> => vm.run(`cat /sys/fs/cgroup${group}/${file}`);
  /** One pod runs that asks for a quarter of a CPU, out of two. */
  async function classesAt(all: string, burstable: string, bestEffort: string): Promise<void> {
    assert.deepEqual(await Promise.all([all, burstable, bestEffort].map((group) => read(group, 'cpu.weight'))), ['79', '10', '1']);
    assert.match(await read(all, 'memory.max'), /^\d+$/);
  }
  async function answers(): Promise<void> {
    await until(
      'nginx answers',
      async () => {
        const { podIP } = (await running('static-nginx')).status;
        return (await vm.run(`curl -s -m 20 http://${podIP}/; true`)).includes('Welcome to nginx!');
      },
      PATIENT_MS,
    );
  }

  void test('a static pod serves, with its limits where the kernel has them', async () => {
    await apply(NGINX);
    await answers();
    const { metadata } = await running('static-nginx');
    const group = `/kubepods/burstable/pod${metadata.uid}`;
    const container = await groupOf(metadata.uid, 'nginx');
    assert.ok(container.startsWith(`${group}/`), container);
    for (const at of [group, container]) {
      assert.equal(await read(at, 'memory.max'), String(96 << 20), at);
      assert.equal(await read(at, 'cpu.max'), '50000 100000', at);
      assert.equal(await read(at, 'cpu.weight'), '10', at);
    }
    await classesAt('/kubepods', '/kubepods/burstable', '/kubepods/besteffort');
  });

  void test('what takes too much memory is ended, and said to be', async () => {
    await apply(busybox('greedy', 'a=x; while :; do a=$a$a; done', { resources: { limits: { memory: '16Mi' } } }));
    await until(
      'it is told',
      async () => (await pod('greedy'))?.status.containerStatuses?.[0]?.lastState?.terminated?.reason === 'OOMKilled',
      PATIENT_MS,
    );
    await gone('greedy');
  });

  void test('after a start of the machine it serves again, with no API server', async () => {
    const before = await vm.run('cat /proc/sys/kernel/random/boot_id');
    await vm.run('systemctl reboot; true').catch(() => undefined);
    await until(
      'the machine is up again',
      async () => (await vm.run('cat /proc/sys/kernel/random/boot_id').catch(() => before)) !== before,
      PATIENT_MS,
    );
    await until('the kubelet is there', async () => (await vm.run('systemctl is-active kubelet; true')) === 'active', PATIENT_MS);
    await answers();
    await gone('static-nginx');
  });

  void test('with the systemd driver the limits are in slices, and stay when systemd is reloaded; huge pages too', async () => {
    await vm.run('echo 8 > /proc/sys/vm/nr_hugepages');
    await driver('systemd', { podPidsLimit: 321 });
    await vm.run('systemctl restart containerd kubelet');
    const limits = { cpu: '500m', memory: '64Mi', 'hugepages-2Mi': '4Mi' };
    const volumes = [{ name: 'huge', emptyDir: { medium: 'HugePages' } }];
    const volumeMounts = [{ name: 'huge', mountPath: '/huge' }];
    await apply(
      busybox(
        'sliced',
        'grep /huge /proc/mounts; exec sleep 7654',
        { resources: { limits, requests: { cpu: '250m' } }, volumeMounts },
        { volumes },
      ),
    );
    const { metadata } = await running('sliced');
    const uid = metadata.uid.replaceAll('-', '_');
    const slice = `kubepods-burstable-pod${uid}.slice`;
    const group = `/kubepods.slice/kubepods-burstable.slice/${slice}`;
    const container = await groupOf(uid, 'sleep');
    assert.match(container, new RegExp(`^${group}/cri-containerd-[0-9a-f]+\\.scope$`));
    const inForce = async (): Promise<void> => {
      const expected = {
        'memory.max': String(64 << 20),
        'cpu.max': '50000 100000',
        'cpu.weight': '10',
        'hugetlb.2MB.max': String(4 << 20),
      };
      for (const [file, value] of Object.entries(expected)) assert.equal(await read(group, file), value, file);
      assert.equal(await read(group, 'pids.max'), '321');
    };
    await inForce();
    await classesAt('/kubepods.slice', '/kubepods.slice/kubepods-burstable.slice', '/kubepods.slice/kubepods-besteffort.slice');
    assert.equal(await read(container, 'hugetlb.2MB.max'), String(4 << 20));
    assert.match(await vm.run('kijabi logs sliced-$(hostname)'), /\/huge hugetlbfs .*pagesize=2M/);
    await vm.run('systemctl daemon-reload && systemctl restart kubelet');
    assert.equal((await running('sliced')).status.containerStatuses?.[0]?.restartCount, 0);
    await inForce();
    await gone('sliced');
    await until('the slice is gone', async () => (await vm.run(`find /sys/fs/cgroup -name ${slice}`)) === '', PATIENT_MS);
    assert.equal(await vm.run(`systemctl list-units --all --plain --no-legend 'kubepods*-pod*.slice'`), '');
  });

  void test('the journal has its fields, and of a healthy kubelet no warning', async () => {
    const told = await vm.run('journalctl -b -u kubelet POD=default/sliced-kijabi-vm --no-pager -o cat -q');
    assert.match(told, /^Started container pod=default\/sliced-kijabi-vm container=c /m);
    assert.match(told, /^Removed pod pod=default\/sliced-kijabi-vm /m);
    assert.doesNotMatch(told, /static-nginx/);
    // Since its last start: the one before was told of the other driver and lost its runtime.
    const life = '_SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value kubelet)';
    const warnings = (await vm.run(`journalctl ${life} -p warning --no-pager -o cat -q`)).split('\n').filter((line) => line !== '');
    assert.match(await vm.run(`journalctl ${life} --no-pager -o cat -q`), /^Kubelet is ready /m);
    // Nobody sets the clock of this machine.
    assert.deepEqual(
      warnings.filter((line) => !line.startsWith('Check failed check=clock ')),
      [],
    );
  });
});
