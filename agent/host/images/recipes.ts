/**
 * What goes into each image, as data. To add an image, add one entry: the Debian packages whose files it takes, the files, links
 * and generated texts, and how it is run. Libraries are not listed: they are found from the programs themselves (rootfs.ts).
 *
 * Paths are absolute in the image and in the packages; /bin, /sbin and /lib mean /usr/bin, /usr/sbin and /usr/lib, in both.
 * {version} in a reference or a text is the upstream version of the package that versionOf names.
 */
import type { ImageConfig } from './oci.ts';
import type { Owner } from './tar.ts';

export type RecipeItem =
  /** A file of a package, or all that match a pattern with * in its last part. Libraries it needs come along. */
  | { readonly kind: 'pick'; readonly from: string; readonly to?: string; readonly linking?: 'static' }
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number; readonly owner?: Owner }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'text'; readonly path: string; readonly text: string; readonly mode?: number; readonly owner?: Owner }
  /** The files that match, one after the other. */
  | { readonly kind: 'concat'; readonly from: string; readonly to: string }
  /** A link for each applet of a busybox that was picked. Files that are there already stay. */
  | { readonly kind: 'applets'; readonly busybox: string; readonly except?: readonly string[] };

export interface Recipe {
  readonly name: string;
  readonly about: string;
  readonly refs: readonly string[];
  readonly packages: readonly string[];
  readonly versionOf: string;
  readonly items: readonly RecipeItem[];
  readonly config: ImageConfig;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NOBODY_LINES = { passwd: 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n', group: 'nogroup:x:65534:\n' };

/** The user database, the name service switch (glibc reads it), and the folders that every program expects. */
function base(users: { readonly passwd?: string; readonly group?: string } = {}): readonly RecipeItem[] {
  return [
    { kind: 'directory', path: '/root', mode: 0o700 },
    { kind: 'directory', path: '/tmp', mode: 0o1777 },
    { kind: 'directory', path: '/var/tmp', mode: 0o1777 },
    { kind: 'directory', path: '/run' },
    { kind: 'link', path: '/var/run', target: '../run' },
    { kind: 'text', path: '/etc/passwd', text: `root:x:0:0:root:/root:/bin/sh\n${users.passwd ?? ''}${NOBODY_LINES.passwd}` },
    { kind: 'text', path: '/etc/group', text: `root:x:0:\n${users.group ?? ''}${NOBODY_LINES.group}` },
    { kind: 'text', path: '/etc/nsswitch.conf', text: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  ];
}

/** A shell and the small tools for looking around in a container. */
const TOOLS: readonly RecipeItem[] = [
  { kind: 'pick', from: '/bin/busybox', linking: 'static' },
  { kind: 'applets', busybox: '/bin/busybox' },
];

/** What image users know: words that start with a dash, or that are no program, are arguments of the main program. */
function entryPoint(path: string, program: string, more = ''): RecipeItem {
  const text = `#!/bin/sh
case "$1" in -*) set -- ${program} "$@" ;; esac
command -v "$1" >/dev/null || set -- ${program} "$@"
${more}exec "$@"
`;
  return { kind: 'text', path, text, mode: 0o755 };
}

/** A listener on [::] would keep nginx from starting on a kernel without IPv6, so it is added only where there is one. */
const NGINX_LISTEN_IPV6 = `conf=/etc/nginx/conf.d/default.conf
if [ "$1" = nginx ] && [ -e /proc/net/if_inet6 ] && [ -w "$conf" ] && ! grep -q '\\[::\\]' "$conf"; then
  sed -i 's/^  listen 80;$/&\\n  listen [::]:80;/' "$conf"
fi
`;

/** As the well-known image: other pods may connect although no password is set. */
const REDIS_OPEN = `[ "$1" = redis-server ] && set -- "$@" --protected-mode no
`;

const NGINX_CONF = `user nginx;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;

events {
  worker_connections 1024;
}

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /var/log/nginx/access.log;
  sendfile on;
  keepalive_timeout 65;
  include /etc/nginx/conf.d/*.conf;
}
`;

const NGINX_DEFAULT_CONF = `server {
  listen 80;
  server_name localhost;

  location / {
    root /usr/share/nginx/html;
    index index.html index.htm;
  }
}
`;

/** What a node needs to show that it works. */
export const BASIC_IMAGES: readonly string[] = ['pause', 'busybox', 'nginx'];

export const RECIPES: readonly Recipe[] = [
  {
    name: 'pause',
    about: 'holds the namespaces of a pod; catatonit in its pause mode',
    // The tags that containerd 1.6 (3.6), 1.7 (3.8), 2.0 (3.10) and 2.1 (3.10.1), kubeadm and others ask for.
    refs: ['3.10', '3.6', '3.8', '3.9', '3.10.1'].map((tag) => `registry.k8s.io/pause:${tag}`),
    packages: ['catatonit'],
    versionOf: 'catatonit',
    items: [{ kind: 'pick', from: '/usr/bin/catatonit', to: '/pause', linking: 'static' }],
    config: { User: '65535:65535', Env: [PATH], Entrypoint: ['/pause', '-P'], WorkingDir: '/' },
  },
  {
    name: 'busybox',
    about: 'a shell and the small tools, in one static program',
    refs: ['docker.io/library/busybox:latest', 'docker.io/library/busybox:{version}'],
    packages: ['busybox-static'],
    versionOf: 'busybox-static',
    items: [...base(), { kind: 'directory', path: '/home' }, { kind: 'directory', path: '/var/www' }, ...TOOLS],
    config: { Env: [PATH], Cmd: ['sh'], WorkingDir: '/' },
  },
  {
    name: 'nginx',
    about: 'the web server with its welcome page, in the foreground, logs to stdout and stderr',
    refs: ['docker.io/library/nginx:latest', 'docker.io/library/nginx:{version}'],
    packages: ['nginx', 'nginx-common', 'busybox-static'],
    versionOf: 'nginx',
    items: [
      ...base({ passwd: 'nginx:x:101:101:nginx user:/nonexistent:/bin/false\n', group: 'nginx:x:101:\n' }),
      { kind: 'pick', from: '/usr/sbin/nginx' },
      { kind: 'pick', from: '/etc/nginx/mime.types' },
      { kind: 'pick', from: '/etc/nginx/*_params' },
      { kind: 'pick', from: '/usr/share/nginx/html/index.html' },
      { kind: 'text', path: '/etc/nginx/nginx.conf', text: NGINX_CONF },
      { kind: 'text', path: '/etc/nginx/conf.d/default.conf', text: NGINX_DEFAULT_CONF },
      // Debian's nginx puts its request bodies below /var/lib/nginx, and makes the folders there itself.
      { kind: 'directory', path: '/var/lib/nginx' },
      { kind: 'directory', path: '/var/cache/nginx' },
      entryPoint('/docker-entrypoint.sh', 'nginx', NGINX_LISTEN_IPV6),
      { kind: 'link', path: '/var/log/nginx/access.log', target: '/dev/stdout' },
      { kind: 'link', path: '/var/log/nginx/error.log', target: '/dev/stderr' },
      ...TOOLS,
    ],
    // Differs: the entry point runs no scripts of /docker-entrypoint.d and substitutes no templates.
    config: {
      Env: [PATH, 'NGINX_VERSION={version}'],
      Entrypoint: ['/docker-entrypoint.sh'],
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  },
  {
    name: 'curl',
    about: 'curl with the usual certificate authorities, for talking to services and to the API server from inside',
    refs: ['docker.io/curlimages/curl:latest', 'docker.io/curlimages/curl:{version}'],
    packages: ['curl', 'ca-certificates', 'busybox-static'],
    versionOf: 'curl',
    items: [
      ...base({ passwd: 'curl_user:x:100:101:curl user:/home/curl_user:/bin/sh\n', group: 'curl_group:x:101:\n' }),
      { kind: 'directory', path: '/home/curl_user', owner: { uid: 100, gid: 101 } },
      { kind: 'pick', from: '/usr/bin/curl' },
      entryPoint('/entrypoint.sh', 'curl'),
      { kind: 'concat', from: '/usr/share/ca-certificates/mozilla/*.crt', to: '/etc/ssl/certs/ca-certificates.crt' },
      ...TOOLS,
    ],
    config: {
      User: '100:101',
      Env: [PATH, 'CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt'],
      Entrypoint: ['/entrypoint.sh'],
      Cmd: ['curl'],
      WorkingDir: '/home/curl_user',
    },
  },
  {
    name: 'redis',
    about: 'the key-value server and its command line client',
    refs: ['docker.io/library/redis:latest', 'docker.io/library/redis:{version}'],
    packages: ['redis-server', 'redis-tools', 'busybox-static'],
    versionOf: 'redis-tools',
    items: [
      ...base({ passwd: 'redis:x:999:999:redis:/data:/bin/false\n', group: 'redis:x:999:\n' }),
      { kind: 'directory', path: '/data', owner: { uid: 999, gid: 999 } },
      { kind: 'pick', from: '/usr/bin/redis-*' },
      entryPoint('/docker-entrypoint.sh', 'redis-server', REDIS_OPEN),
      ...TOOLS,
    ],
    config: {
      User: '999:999',
      Env: [PATH, 'REDIS_VERSION={version}'],
      Entrypoint: ['/docker-entrypoint.sh'],
      Cmd: ['redis-server'],
      ExposedPorts: { '6379/tcp': {} },
      WorkingDir: '/data',
    },
  },
];
