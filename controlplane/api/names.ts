/**
 * Syntax of names, keys and ports. Each check answers with the list of rules that are broken, in upstream's words; an empty list is good.
 * Pure.
 * Source: RFC 1035, RFC 1123, RFC 6335; texts of k8s.io/apimachinery validation, Kubernetes 1.36.
 */

export type NameCheck = (value: string) => readonly string[];

const OK: readonly string[] = [];

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const DNS1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;
const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const HEADER = '[-A-Za-z0-9]+';
const PERCENT = '[0-9]+%';

const LABEL_RE = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_RE = new RegExp(`^${SUBDOMAIN}$`);
const SUBDOMAIN_CASELESS_RE = new RegExp(`^${SUBDOMAIN}$`, 'i');
const DNS1035_RE = new RegExp(`^${DNS1035}$`);
const QUALIFIED_RE = new RegExp(`^${QUALIFIED}$`);
const LABEL_VALUE_RE = new RegExp(`^${LABEL_VALUE}$`);
const C_IDENTIFIER_RE = new RegExp(`^${C_IDENTIFIER}$`);
const CONFIG_KEY_RE = new RegExp(`^${CONFIG_KEY}$`);
const HEADER_RE = new RegExp(`^${HEADER}$`);
const PERCENT_RE = new RegExp(`^${PERCENT}$`);
const WILDCARD_RE = new RegExp(`^\\*\\.${SUBDOMAIN}$`);
const ENV_NAME_RE = /^[\x20-\x3c\x3e-\x7e]+$/;

export const MAX_LABEL = 63;
export const MAX_SUBDOMAIN = 253;

export function tooManyCharacters(max: number): string {
  return `must be no more than ${max} characters`;
}

export function outsideRange(min: number, max: number): string {
  return `must be between ${min} and ${max}, inclusive`;
}

function breaksRegex(rule: string, regex: string, ...examples: readonly string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${regex}')`;
  return `${rule} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${regex}')`;
}

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const SUBDOMAIN_CASELESS_RULE =
  "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const DNS1035_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const WILDCARD_RULE =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
const QUALIFIED_RULE = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** Names of namespaces, containers, volumes. */
export function dns1123Label(value: string): readonly string[] {
  if (value.length <= MAX_LABEL && LABEL_RE.test(value)) return OK;
  const out = value.length > MAX_LABEL ? [tooManyCharacters(MAX_LABEL)] : [];
  if (!LABEL_RE.test(value)) {
    out.push(SUBDOMAIN_RE.test(value) ? 'must not contain dots' : breaksRegex(LABEL_RULE, LABEL, 'my-name', '123-abc'));
  }
  return out;
}

/** Names of most objects. */
export function dns1123Subdomain(value: string): readonly string[] {
  if (value.length <= MAX_SUBDOMAIN && SUBDOMAIN_RE.test(value)) return OK;
  const out = value.length > MAX_SUBDOMAIN ? [tooManyCharacters(MAX_SUBDOMAIN)] : [];
  if (!SUBDOMAIN_RE.test(value)) out.push(breaksRegex(SUBDOMAIN_RULE, SUBDOMAIN, 'example.com'));
  return out;
}

export function dns1123SubdomainCaseless(value: string): readonly string[] {
  const out = value.length > MAX_SUBDOMAIN ? [tooManyCharacters(MAX_SUBDOMAIN)] : [];
  if (!SUBDOMAIN_CASELESS_RE.test(value)) out.push(breaksRegex(SUBDOMAIN_CASELESS_RULE, SUBDOMAIN, 'Example.com'));
  return out;
}

/** Names of services. */
export function dns1035Label(value: string): readonly string[] {
  if (value.length <= MAX_LABEL && DNS1035_RE.test(value)) return OK;
  const out = value.length > MAX_LABEL ? [tooManyCharacters(MAX_LABEL)] : [];
  if (!DNS1035_RE.test(value)) out.push(breaksRegex(DNS1035_RULE, DNS1035, 'my-name', 'abc-123'));
  return out;
}

/** Hosts of ingress rules: "*.example.com". */
export function wildcardDns1123Subdomain(value: string): readonly string[] {
  const out = value.length > MAX_SUBDOMAIN ? [tooManyCharacters(MAX_SUBDOMAIN)] : [];
  if (!WILDCARD_RE.test(value)) out.push(breaksRegex(WILDCARD_RULE, `\\*\\.${SUBDOMAIN}`, '*.example.com'));
  return out;
}

/** Label keys, annotation keys, finalizers, resource names: an optional DNS prefix, a slash, a name. */
export function qualifiedName(value: string): readonly string[] {
  if (value.length <= MAX_LABEL && QUALIFIED_RE.test(value)) return OK;
  const parts = value.split('/');
  if (parts.length > 2) {
    const rule = breaksRegex(QUALIFIED_RULE, QUALIFIED, 'MyName', 'my.name', '123-abc');
    return [`a valid label key ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const out: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') out.push('prefix part must be non-empty');
    else out.push(...dns1123Subdomain(prefix).map((text) => `prefix part ${text}`));
  }
  if (name === '') out.push('name part must be non-empty');
  else if (name.length > MAX_LABEL) out.push(`name part ${tooManyCharacters(MAX_LABEL)}`);
  if (!QUALIFIED_RE.test(name)) out.push(`name part ${breaksRegex(QUALIFIED_RULE, QUALIFIED, 'MyName', 'my.name', '123-abc')}`);
  return out;
}

export function labelValue(value: string): readonly string[] {
  if (value.length <= MAX_LABEL && LABEL_VALUE_RE.test(value)) return OK;
  const out = value.length > MAX_LABEL ? [tooManyCharacters(MAX_LABEL)] : [];
  if (!LABEL_VALUE_RE.test(value)) out.push(breaksRegex(LABEL_VALUE_RULE, LABEL_VALUE, 'MyValue', 'my_value', '12345'));
  return out;
}

/** Names of container and service ports (IANA service names). */
export function portName(value: string): readonly string[] {
  const out: string[] = [];
  if (value.length > 15) out.push(tooManyCharacters(15));
  if (!/^[-a-z0-9]+$/.test(value)) out.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) out.push('must contain at least one letter (a-z)');
  if (value.includes('--')) out.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) out.push('must not begin or end with a hyphen');
  return out;
}

export function portNumber(value: number): readonly string[] {
  return value >= 1 && value <= 65_535 ? OK : [outsideRange(1, 65_535)];
}

/** Any printable ASCII but "=" (GA since 1.34). */
export function envName(value: string): readonly string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (ENV_NAME_RE.test(value)) return OK;
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function cIdentifier(value: string): readonly string[] {
  if (C_IDENTIFIER_RE.test(value)) return OK;
  const rule = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return [breaksRegex(rule, C_IDENTIFIER, 'my_name', 'MY_NAME', 'MyName')];
}

/** Keys of ConfigMaps and Secrets; they become file names. */
export function configMapKey(value: string): readonly string[] {
  const out: string[] = [];
  if (value.length > MAX_SUBDOMAIN) out.push(tooManyCharacters(MAX_SUBDOMAIN));
  if (!CONFIG_KEY_RE.test(value)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    out.push(breaksRegex(rule, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (value === '.' || value === '..') out.push(`must not be '${value}'`);
  else if (value.startsWith('..')) out.push("must not start with '..'");
  return out;
}

export function httpHeaderName(value: string): readonly string[] {
  if (HEADER_RE.test(value)) return OK;
  return [breaksRegex("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER, 'X-Header-Name')];
}

export function percentText(value: string): readonly string[] {
  if (PERCENT_RE.test(value)) return OK;
  return [breaksRegex("a valid percent string must be a numeric string followed by an ending '%'", PERCENT, '1%', '93%')];
}

/** Names that stand in URLs and store keys without further rules (RBAC roles). */
export function pathSegmentName(value: string): readonly string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** generateName ends where random characters follow: a dash at the end is fine there. */
export function asPrefix(check: NameCheck): NameCheck {
  return (value) => check(value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value);
}

const URL_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const URL_PATH_RE = new RegExp(`^${URL_PATH}$`);

/** A domain, a slash, a path: names of controllers and signers. */
export function domainPrefixedPath(value: string): readonly string[] {
  const slash = value.indexOf('/');
  const [host, path] = slash < 0 ? [value, ''] : [value.slice(0, slash), value.slice(slash + 1)];
  if (host === '' || path === '') return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const out = [...dns1123Subdomain(host)];
  if (!URL_PATH_RE.test(path)) out.push(breaksRegex('Invalid path', URL_PATH));
  return out;
}
