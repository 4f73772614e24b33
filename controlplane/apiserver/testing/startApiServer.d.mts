/**
 * kijabi/testing: a real Kubernetes API server inside the process of a test.
 *
 *     import { startApiServer } from 'kijabi/testing';
 *     const api = await startApiServer();
 *     kubeConfig.loadFromString(api.kubeconfig);
 *     await api.stop();
 *
 * Each has its own port, certificates and store; as many as you like run side by side. Nothing is left when the process ends.
 */

export interface StartOptions {
  /** Default: any free one, on 127.0.0.1. */
  readonly port?: number;
  /** Where the state is. Default: in memory. A directory survives the server, and etcd is shared by all that are given the same endpoints. */
  readonly store?: 'memory' | { readonly directory: string } | { readonly etcd: readonly string[] };
  /** Users beside the administrator. What they may do is up to RBAC objects, or to the group system:masters. */
  readonly users?: readonly { readonly name: string; readonly token: string; readonly groups?: readonly string[] }[];
  /** Admission plugins to switch on or off, by upstream's names. */
  readonly enableAdmission?: readonly string[];
  readonly disableAdmission?: readonly string[];
  /** Told each line that the server logs. Default: nobody. */
  readonly onLog?: (line: string) => void;
}

export interface TestApiServer {
  /** "https://127.0.0.1:PORT" */
  readonly url: string;
  readonly port: number;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** Bearer token of the administrator, who may do everything. */
  readonly token: string;
  /** The text of a kubeconfig file for the administrator, with everything in it. */
  readonly kubeconfig: string;
  /** Ends watches, lets requests finish, closes the store. A second call waits for the first. */
  stop(): Promise<void>;
  /** `await using api = await startApiServer()` */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Resolves when the server is ready. */
export function startApiServer(options?: StartOptions): Promise<TestApiServer>;
