/** Where the API server is and as whom it is asked. Throws: KUBECONFIG_*, NOT_IN_CLUSTER. */
import type { ClientConfig } from '#client/config.ts';
import { inClusterConfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { SharedSettings } from './settings.ts';

export async function clientConfigOf(
  { kubeconfig, master }: Pick<SharedSettings, 'kubeconfig' | 'master'>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ClientConfig> {
  const config = kubeconfig === undefined ? await inClusterConfig({ env }) : await loadKubeconfig(kubeconfig);
  return master === undefined ? config : { ...config, server: master };
}
