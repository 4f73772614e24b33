/**
 * RBAC over the roles and bindings in the watch cache. What applies to a user is gathered once and kept until a role or binding changes.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject } from '#api/kinds/rbac/v1.ts';
import type { UserInfo } from '../call.ts';
import type { CachedObject } from '../cache/object.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { NO_OPINION, type Attributes, type Authorizer, type Opinion, type RulesFound } from './authorizer.ts';
import { compileRule, covers, type CompiledRule } from './rules.ts';

export interface RbacCaches {
  readonly roles: ResourceCache;
  readonly roleBindings: ResourceCache;
  readonly clusterRoles: ResourceCache;
  readonly clusterRoleBindings: ResourceCache;
}

/** A rule, and through which binding the user has it. */
interface Granted {
  readonly rule: CompiledRule;
  readonly reason: string;
}

interface Grants {
  readonly edition: number;
  readonly cluster: readonly Granted[];
  readonly byNamespace: Map<string, readonly Granted[]>;
}

interface Binding {
  readonly object: CachedObject;
  readonly roleRef: RoleRef;
}

export class RbacAuthorizer implements Authorizer {
  readonly #caches: RbacCaches;
  readonly #bySubject = new Map<string, Set<string>>();
  readonly #bindings = new Map<string, Binding>();
  readonly #subjectsOf = new Map<string, readonly string[]>();
  readonly #rules = new WeakMap<CachedObject, readonly CompiledRule[]>();
  #grants = new WeakMap<UserInfo, Grants>();
  #edition = 0;

  constructor(caches: RbacCaches) {
    this.#caches = caches;
    caches.clusterRoleBindings.onChange((before, after) => this.#bindingChanged('', before, after));
    caches.roleBindings.onChange((before, after) => this.#bindingChanged('namespaced', before, after));
    caches.roles.onChange(() => (this.#edition += 1));
    caches.clusterRoles.onChange(() => (this.#edition += 1));
  }

  authorize(attributes: Attributes): Opinion {
    const grants = this.#grantsOf(attributes.user);
    const found =
      find(grants.cluster, attributes) ??
      (attributes.namespace === '' ? undefined : find(this.#inNamespace(grants, attributes), attributes));
    return found === undefined ? NO_OPINION : { decision: 'allow', reason: found.reason };
  }

  rulesFor(user: UserInfo, namespace: string): RulesFound {
    return { rules: this.policyRules(user, namespace), incomplete: false };
  }

  policyRules(user: UserInfo, namespace: string): readonly PolicyRule[] {
    const grants = this.#grantsOf(user);
    const local = namespace === '' ? [] : this.#inNamespace(grants, { user, namespace });
    return [...grants.cluster, ...local].map(({ rule }) => rule.rule);
  }

  /** The rules of a role as a binding names it; undefined: there is no such role. */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#compiled({ apiGroup: '', kind, name }, namespace)?.map(({ rule }) => rule);
  }

  #grantsOf(user: UserInfo): Grants {
    const known = this.#grants.get(user);
    if (known !== undefined && known.edition === this.#edition) return known;
    const made: Grants = { edition: this.#edition, cluster: this.#gather(user, ''), byNamespace: new Map() };
    this.#grants.set(user, made);
    return made;
  }

  #inNamespace(grants: Grants, { user, namespace }: { readonly user: UserInfo; readonly namespace: string }): readonly Granted[] {
    let found = grants.byNamespace.get(namespace);
    if (found === undefined) grants.byNamespace.set(namespace, (found = this.#gather(user, namespace)));
    return found;
  }

  /** namespace "": the bindings of the whole cluster. */
  #gather(user: UserInfo, namespace: string): readonly Granted[] {
    const out: Granted[] = [];
    for (const subject of subjectsOf(user)) {
      for (const key of this.#bySubject.get(subject) ?? []) {
        const binding = this.#bindings.get(key);
        if (binding === undefined || binding.object.namespace !== namespace) continue;
        const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
        const name = namespace === '' ? binding.object.name : `${binding.object.name}/${namespace}`;
        const reason = `RBAC: allowed by ${kind} ${JSON.stringify(name)} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)} to ${subjectText(subject)}`;
        for (const rule of this.#compiled(binding.roleRef, namespace) ?? []) out.push({ rule, reason });
      }
    }
    return out;
  }

  #compiled({ kind, name }: RoleRef, namespace: string): readonly CompiledRule[] | undefined {
    const { roles, clusterRoles } = this.#caches;
    const role = kind === 'ClusterRole' ? clusterRoles.get(name) : roles.get(`${namespace}/${name}`);
    if (role === undefined) return undefined;
    let rules = this.#rules.get(role);
    if (rules === undefined) this.#rules.set(role, (rules = rulesIn(role).map(compileRule)));
    return rules;
  }

  #bindingChanged(scope: string, before: CachedObject | undefined, after: CachedObject | undefined): void {
    this.#edition += 1;
    const key = `${scope}:${(after ?? before)?.key ?? ''}`;
    for (const subject of this.#subjectsOf.get(key) ?? []) {
      const keys = this.#bySubject.get(subject);
      keys?.delete(key);
      if (keys?.size === 0) this.#bySubject.delete(subject);
    }
    this.#subjectsOf.delete(key);
    this.#bindings.delete(key);
    if (after === undefined) return;
    const { subjects = [], roleRef } = after.decode() as ClusterRoleBinding | RoleBinding;
    const texts = subjects.map((subject) => subjectKey(subject, after.namespace));
    this.#subjectsOf.set(key, texts);
    this.#bindings.set(key, { object: after, roleRef });
    for (const text of texts) this.#bySubject.set(text, (this.#bySubject.get(text) ?? new Set()).add(key));
  }
}

function rulesIn(role: CachedObject): readonly PolicyRule[] {
  return (role.decode() as ClusterRole).rules ?? [];
}

function find(granted: readonly Granted[], attributes: Attributes): Granted | undefined {
  return granted.find(({ rule }) => covers(rule, attributes));
}

function subjectKey({ kind, name, namespace }: Subject, home: string): string {
  return kind === 'ServiceAccount' ? `User ${serviceAccountUser(namespace ?? home, name)}` : `${kind} ${name}`;
}

export const serviceAccountUser = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

function* subjectsOf({ name, groups }: UserInfo): Iterable<string> {
  yield `User ${name}`;
  for (const group of groups) yield `Group ${group}`;
}

function subjectText(subject: string): string {
  const space = subject.indexOf(' ');
  const [kind, name] = [subject.slice(0, space), subject.slice(space + 1)];
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name);
  if (kind === 'User' && account !== null) return `ServiceAccount ${JSON.stringify(`${account[2]}/${account[1]}`)}`;
  return `${kind} ${JSON.stringify(name)}`;
}
