/** The control plane of `kijabi up`, one process: its certificates, its command line, and when it answers. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane, ControlPlanePlace } from '#agent/host/serve.ts';
import { parseCidr } from '#api/ip.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { PkiWriter } from '../pki/act.ts';
import { seenFiles } from '../pki/observe.ts';
import { planPki } from '../pki/plan.ts';
import { CLUSTER_DNS, provideDnsService } from './clusterDns.ts';
import type { Io } from './io.ts';
import { apiServerFlags, controllerManagerFlags, dnsFlags, schedulerFlags } from './programFlags.ts';

const LAUNCHER = new URL('kijabi-control-plane', import.meta.url).pathname;
const SERVICES = '10.96.0.0/12';
const { domain: DOMAIN } = CLUSTER_DNS;
const LOOK_MS = 20;

/** More flags of the programs, for who wants other figures than upstream's. */
export interface MoreFlags {
  readonly controllerManager?: readonly string[];
}

export function controlPlaneOf({ clock }: Pick<Io, 'clock'>, more: MoreFlags = {}): ControlPlane {
  return {
    clusterDns: CLUSTER_DNS,
    async prepare({ paths, nodeName, address, port }) {
      const range = parseCidr(SERVICES);
      const facts = {
        nodeName,
        advertiseAddress: address,
        port,
        endpoint: undefined,
        extraNames: [],
        serviceRanges: range === undefined ? [] : [range],
        podRanges: [],
        dnsDomain: DOMAIN,
      };
      const places = { kubernetesDir: paths.kubernetesDir, certDir: join(paths.kubernetesDir, 'pki') };
      mkdirSync(places.certDir, { recursive: true, mode: 0o700 });
      const writer = new PkiWriter(places, clock.nowMs());
      for (const step of planPki(facts, await seenFiles(places), clock.nowMs()).steps) await writer.take(step);
      // The same credentials, under the address that the host reaches the server at.
      const admin = readFileSync(join(paths.kubernetesDir, 'admin.conf'), 'utf8');
      const outside = admin.replace(`server: https://${address}:${port}`, `server: https://127.0.0.1:${port}`);
      writeFileSync(paths.kubeconfig, outside, { mode: 0o600 });
    },
    async admit(node, { paths, address, port }) {
      const [from, to] = [paths.kubernetesDir, node.paths.kubernetesDir];
      mkdirSync(join(to, 'pki'), { recursive: true, mode: 0o700 });
      copyFileSync(join(from, 'pki', 'ca.crt'), join(to, 'pki', 'ca.crt'));
      copyFileSync(join(from, 'kube-proxy.conf'), join(to, 'kube-proxy.conf'));
      const user = `system:node:${node.nodeName}`;
      const subject = `O=system:nodes, CN=${user}`;
      const writer = new PkiWriter({ kubernetesDir: to, certDir: join(from, 'pki') }, clock.nowMs());
      await writer.writeKubeconfig({ file: 'kubelet.conf', user, subject, server: `https://${address}:${port}` });
    },
    command: ({ paths, address, port, podCidr, nodeMaskSize }) => {
      const places = { kubernetesDir: paths.kubernetesDir, certDir: join(paths.kubernetesDir, 'pki') };
      return [
        LAUNCHER,
        'kube-apiserver',
        ...apiServerFlags({ advertiseAddress: address, port, serviceCidr: SERVICES, dnsDomain: DOMAIN }, places),
        `--data-dir=${paths.apiServerDir}`,
        '--',
        'kube-controller-manager',
        ...controllerManagerFlags(places, { podCidr, serviceCidr: SERVICES }),
        `--node-cidr-mask-size=${nodeMaskSize}`,
        ...(more.controllerManager ?? []),
        '--',
        'kube-scheduler',
        ...schedulerFlags(places),
        `--socket=${paths.schedulerSocket}`,
        '--',
        'kube-dns',
        ...dnsFlags({ ...paths, domain: DOMAIN, listen: address }),
      ];
    },
    async ready({ paths, address }: ControlPlanePlace, signal) {
      const log = makeLogger({ write: () => undefined, clock });
      const config = parseKubeconfig(readFileSync(paths.kubeconfig), { file: paths.kubeconfig });
      const client = connect({ config, clock, log, userAgent: 'kijabi', qps: -1 });
      // Ready, and what pods of the namespace default need is there.
      const isThere = async (): Promise<boolean> => {
        await client.text('GET', '/readyz', { signal });
        await client.json('GET', '/api/v1/namespaces/default/serviceaccounts/default', { signal });
        return true;
      };
      try {
        while (!(await isThere().catch(() => false))) await clock.sleep(LOOK_MS, signal);
        await provideDnsService(client, { address, clusterIP: CLUSTER_DNS.address }, signal);
      } finally {
        client.close();
      }
    },
  };
}
