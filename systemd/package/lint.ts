/**
 * What is wrong with a Debian package of ours. Pure. Source: the Debian Policy Manual (3, 5, 6, 10), and what the package is to be: nothing
 * outside its places, nothing that others may write, everything accounted for.
 */
export interface DebEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly mode: number;
  /** "root/root" */
  readonly owner: string;
  readonly target?: string;
  readonly md5?: string;
}

export interface Deb {
  readonly control: readonly { readonly name: string; readonly text: string; readonly mode: number }[];
  readonly entries: readonly DebEntry[];
}

/** Where it may put something. */
const PLACES =
  /^\/(usr\/lib\/(kijabi|systemd\/system|tmpfiles\.d|sysctl\.d|modules-load\.d)|usr\/bin|usr\/share\/doc\/kijabi|etc\/(default|kubernetes))(\/|$)/;
const FIELDS: Readonly<Record<string, RegExp>> = {
  Package: /^kijabi$/,
  Version: /^[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)?$/,
  Section: /^admin$/,
  Priority: /^optional$/,
  Architecture: /^(amd64|arm64)$/,
  Maintainer: /^.+ <[^@<>\s]+@[^@<>\s]+>$/,
  'Installed-Size': /^[1-9]\d*$/,
  Depends: /\bsystemd\b.*\bcontainerd\b.*\biptables\b/,
  Description: /^[A-Z].{10,70}[^.]$/,
};
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];
const LISTS = ['control', 'conffiles', 'md5sums'];
const CONTROL_FILES: ReadonlySet<string> = new Set([...LISTS, ...SCRIPTS]);

export function lintDeb(deb: Deb): string[] {
  return [
    ...controlProblems(deb),
    ...scriptProblems(deb),
    ...deb.entries.flatMap(entryProblems),
    ...listProblems(deb),
    ...linkProblems(deb),
  ];
}

function textOf({ control }: Deb, name: string): string | undefined {
  return control.find((part) => part.name === name)?.text;
}

function controlProblems(deb: Deb): string[] {
  const text = textOf(deb, 'control') ?? '';
  const fields = new Map([...text.matchAll(/^([A-Za-z-]+): (.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
  const wrong = Object.entries(FIELDS).flatMap(([name, wanted]) => {
    const value = fields.get(name);
    if (value === undefined) return [`control: ${name} is missing`];
    return wanted.test(value) ? [] : [`control: ${name} is ${JSON.stringify(value)}, want ${wanted.source}`];
  });
  const long = text.split('\n').filter((line) => line.startsWith(' ') && line.length > 80);
  return [
    ...wrong,
    ...long.map((line) => `control: the description has a line of more than 80 letters: ${line.trim()}`),
    ...deb.control.flatMap(({ name }) => (CONTROL_FILES.has(name) ? [] : [`control: nobody needs ${name}`])),
    ...deb.control.flatMap(({ name, mode }) =>
      LISTS.includes(name) && mode !== 0o644 ? [`${name} has mode ${mode.toString(8)}, want 644`] : [],
    ),
  ];
}

function scriptProblems({ control }: Deb): string[] {
  return SCRIPTS.flatMap((name) => {
    const script = control.find((part) => part.name === name);
    if (script === undefined) return [`${name} is missing`];
    return [
      ...(script.mode === 0o755 ? [] : [`${name} has mode ${script.mode.toString(8)}, want 755`]),
      ...(script.text.startsWith('#!/bin/sh\nset -e\n') ? [] : [`${name} does not begin with #!/bin/sh and set -e`]),
    ];
  });
}

function entryProblems({ path, kind, mode, owner }: DebEntry): string[] {
  const said = (what: string): string => `${path} ${what}`;
  const isConfig = kind === 'file' && path.startsWith('/etc/');
  const wanted = isConfig ? [0o600] : kind === 'directory' ? [0o755] : [0o644, 0o755];
  return [
    ...(owner === 'root/root' ? [] : [said(`belongs to ${owner}`)]),
    ...(kind === 'link' || wanted.includes(mode)
      ? []
      : [said(`has mode ${mode.toString(8)}, want ${wanted.map((m) => m.toString(8)).join(' or ')}`)]),
    ...(kind === 'directory' || PLACES.test(path) ? [] : [said('lies outside the places of this package')]),
    ...(/\/(\.git|test|bench)(\/|$)|\.test\.ts$/.test(path.startsWith('/usr/lib/kijabi/node_modules/') ? '' : path)
      ? [said('is of development')]
      : []),
  ];
}

/** md5sums has every file but those of dpkg's own list, conffiles. */
function listProblems(deb: Deb): string[] {
  const files = new Map(deb.entries.filter(({ kind }) => kind === 'file').map((entry) => [entry.path, entry]));
  const configs = (textOf(deb, 'conffiles') ?? '').split('\n').filter(Boolean);
  const sums = new Map(
    (textOf(deb, 'md5sums') ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line): [string, string] => [`/${line.slice(34)}`, line.slice(0, 32)]),
  );
  const missing = [...files.values()].flatMap(({ path, md5 }) => {
    if (path.startsWith('/etc/')) return configs.includes(path) ? [] : [`${path} is not in conffiles`];
    const sum = sums.get(path);
    if (sum === undefined) return [`${path} is not in md5sums`];
    return sum === md5 ? [] : [`${path} has another sum than md5sums says`];
  });
  const gone = [...configs, ...sums.keys()].filter((path) => !files.has(path)).map((path) => `${path} is listed and not there`);
  return [...missing, ...gone, ...(files.has('/usr/share/doc/kijabi/copyright') ? [] : ['there is no copyright'])];
}

/** A command leads to a program of the package. */
function linkProblems({ entries }: Deb): string[] {
  const paths = new Map(entries.map((entry) => [entry.path, entry]));
  return entries.flatMap(({ path, kind, target }) => {
    if (kind !== 'link' || !path.startsWith('/usr/bin/')) return [];
    const to = paths.get(`/usr/${(target ?? '').replace(/^\.\.\//, '')}`);
    return to?.kind === 'file' && (to.mode & 0o111) !== 0 ? [] : [`${path} leads to ${target}, which is no program of this package`];
  });
}
