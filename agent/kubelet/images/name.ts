/**
 * Names of images. Pure. Source: the grammar of references in the distribution project; "Image names" in the Kubernetes docs.
 */
export interface ImageName {
  /** With its port: "localhost:5000"; docker.io where the name has none. */
  readonly host: string;
  readonly repository: string;
}

/** The longest name of a repository. */
const LONGEST = 255;
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const PATH = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** Or why it is none. */
export function parseImageName(text: string): ImageName | string {
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return 'invalid reference format';
  const slash = named.indexOf('/');
  const first = named.slice(0, Math.max(slash, 0));
  const hasHost = slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  const host = hasHost ? first : 'docker.io';
  const rest = hasHost ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(':');
  const [path, tag] = colon > rest.lastIndexOf('/') ? [rest.slice(0, colon), rest.slice(colon + 1)] : [rest, undefined];
  const repository = hasHost || path.includes('/') ? path : `library/${path}`;
  if (tag !== undefined && !TAG.test(tag)) return 'invalid reference format';
  if (!HOST.test(host) || !PATH.test(path)) {
    return PATH.test(path.toLowerCase()) && HOST.test(host)
      ? `invalid reference format: repository name (${repository}) must be lowercase`
      : 'invalid reference format';
  }
  if (`${host}/${repository}`.length > LONGEST) return `repository name must not be more than ${LONGEST} characters`;
  return { host, repository };
}
