/**
 * What the services of a control plane are started with, as systemd reads it: a file of flags for each, below /etc/kubernetes. Pure. They are
 * written again when the cluster's facts change; flags of the operator's stand in /etc/default and win.
 */
import { apiServerFlags, controllerManagerFlags, dnsFlags, schedulerFlags, type ApiServerFacts, type PkiPlaces } from '../programFlags.ts';

export interface ServiceFacts extends ApiServerFacts {
  readonly podCidr: string | undefined;
}

/** Of the host: read again when it changes. */
const RESOLV_CONF = '/etc/resolv.conf';

export interface ServiceFile {
  /** In kubernetesDir. */
  readonly file: string;
  readonly text: string;
}

export const hostDnsFlags = (
  { dnsDomain: domain, advertiseAddress: listen }: ServiceFacts,
  { kubernetesDir }: PkiPlaces,
): readonly string[] => dnsFlags({ kubernetesDir, resolvConf: RESOLV_CONF, domain, listen });

export function serviceFiles(facts: ServiceFacts, places: PkiPlaces): readonly ServiceFile[] {
  return [
    flagsFile('kube-apiserver', apiServerFlags(facts, places)),
    flagsFile('kube-controller-manager', controllerManagerFlags(places, facts)),
    flagsFile('kube-scheduler', schedulerFlags(places)),
    flagsFile('kube-dns', hostDnsFlags(facts, places)),
  ];
}

/** Source: systemd.exec(5), EnvironmentFile=. Throws RangeError for what would need quotes inside quotes. */
export function flagsFile(program: string, flags: readonly string[]): ServiceFile {
  const odd = flags.find((flag) => /["\\\s$`]/.test(flag));
  if (odd !== undefined) throw new RangeError(`cannot write ${JSON.stringify(odd)} into a file of flags`);
  const variable = `${program.toUpperCase().replaceAll('-', '_')}_ARGS`;
  return {
    file: `${program}.env`,
    text: `# Flags of ${program}, as kijabi init or join made them; more of them go into /etc/default/${program}.\n${variable}="${flags.join(' ')}"\n`,
  };
}
