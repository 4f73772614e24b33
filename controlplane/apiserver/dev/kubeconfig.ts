/** The text of a kubeconfig file with everything in it. Pure. */
export interface KubeconfigFacts {
  readonly name: string;
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly user: { readonly certificate: string; readonly key: string } | { readonly token: string };
  readonly namespace?: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export function kubeconfig({ name, url, ca, user, namespace }: KubeconfigFacts): string {
  const credentials =
    'token' in user
      ? [`    token: ${user.token}`]
      : [`    client-certificate-data: ${base64(user.certificate)}`, `    client-key-data: ${base64(user.key)}`];
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${name}`,
    'clusters:',
    `- name: ${name}`,
    '  cluster:',
    `    server: ${url}`,
    `    certificate-authority-data: ${base64(ca)}`,
    'contexts:',
    `- name: ${name}`,
    '  context:',
    `    cluster: ${name}`,
    `    user: ${name}`,
    ...(namespace === undefined ? [] : [`    namespace: ${namespace}`]),
    'users:',
    `- name: ${name}`,
    '  user:',
    ...credentials,
    '',
  ].join('\n');
}
