/** The text of a kubeconfig file with everything in it. Pure. The context is called "user@cluster", as kubeadm calls it. */
export interface KubeconfigFacts {
  readonly cluster: string;
  readonly user: string;
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly credentials: { readonly certificate: string; readonly key: string } | { readonly token: string };
  readonly namespace?: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export function kubeconfigText({ cluster, user, server, ca, credentials, namespace }: KubeconfigFacts): string {
  const secret =
    'token' in credentials
      ? [`    token: ${credentials.token}`]
      : [`    client-certificate-data: ${base64(credentials.certificate)}`, `    client-key-data: ${base64(credentials.key)}`];
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${user}@${cluster}`,
    'clusters:',
    `- name: ${cluster}`,
    '  cluster:',
    `    server: ${server}`,
    `    certificate-authority-data: ${base64(ca)}`,
    'contexts:',
    `- name: ${user}@${cluster}`,
    '  context:',
    `    cluster: ${cluster}`,
    `    user: ${user}`,
    ...(namespace === undefined ? [] : [`    namespace: ${namespace}`]),
    'users:',
    `- name: ${user}`,
    '  user:',
    ...secret,
    '',
  ].join('\n');
}
