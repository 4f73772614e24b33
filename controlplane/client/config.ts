/** How a client reaches the API and who it is: what a kubeconfig file or a pod's service account says. Pure. */

/** A text that stands in the configuration, or a file that holds it and is read again when it changes. */
export type TextSource = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly path: string };

/** Who is asked for a token now and then, and again after a 401 ('refused'). Keeps what it gave for as long as that is good. */
export interface TokenMaker {
  readonly kind: 'made';
  readonly make: (why: 'due' | 'refused') => Promise<string>;
}

export interface Impersonation {
  readonly user: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface ClientConfig {
  /** "https://10.0.0.1:6443", or with a path in front of the API: "https://proxy/clusters/a". */
  readonly server: string;
  readonly ca?: TextSource;
  readonly insecureSkipTlsVerify?: boolean;
  /** The name the server's certificate must have, instead of the host's. */
  readonly tlsServerName?: string;
  readonly certificate?: TextSource;
  readonly key?: TextSource;
  readonly token?: TextSource | TokenMaker;
  readonly basic?: { readonly username: string; readonly password: string };
  readonly impersonate?: Impersonation;
  /** Of the context; "default" where it names none. */
  readonly namespace: string;
}
