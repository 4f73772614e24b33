/**
 * Records requests as an audit policy wants it: an event per stage, each a line of JSON. Pure but for the sink.
 * Source: audit.k8s.io/v1 Event, Kubernetes 1.36 (names and order of the fields, what each level holds).
 */
import { rfc3339Micro } from '#api/formats.ts';
import { parseIp } from '#api/ip.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Status } from '#api/kinds/meta/status.ts';
import type { Clock } from '#base/clock.ts';
import type { Answer, ApiCall, UserInfo } from '../call.ts';
import type { Audit, AuditRecord } from './audit.ts';
import { choose, type Choice, type Policy, type Stage } from './policy.ts';

export interface PolicyAuditOptions {
  readonly policy: Policy;
  readonly clock: Clock;
  /** Must not wait, and not throw. */
  readonly sink: { add(line: string): void; readonly written: number; readonly dropped: number };
}

export function policyAudit({ policy, clock, sink }: PolicyAuditOptions): Audit {
  return {
    begin(call) {
      const choice = choose(policy, call.info, call.user);
      if (choice === undefined) return undefined;
      const record = new RequestRecord(call, { choice, clock, sink });
      record.emit('RequestReceived');
      return record;
    },
    refused(call) {
      const choice = choose(policy, call.info, undefined);
      return choice === undefined ? undefined : new Refused(call, { choice, clock, sink });
    },
    counts: () => sink,
  };
}

interface Parts extends Omit<PolicyAuditOptions, 'policy'> {
  readonly choice: Choice;
}

class RequestRecord implements AuditRecord {
  readonly #call: ApiCall;
  readonly #parts: Parts;
  readonly #user: UserInfo;
  readonly #annotations: Record<string, string> = {};
  #actsAs: UserInfo | undefined;
  #meta: KubeObject['metadata'] | undefined;
  #requestObject: unknown;
  #responseObject: readonly Uint8Array[] | undefined;
  #status: Partial<Status> | undefined;
  #panicked = false;

  constructor(call: ApiCall, parts: Parts) {
    this.#call = call;
    this.#parts = parts;
    this.#user = call.user;
  }

  decided(decision: string, reason: string): void {
    this.#annotations['authorization.k8s.io/decision'] = decision === 'allow' ? 'allow' : 'forbid';
    this.#annotations['authorization.k8s.io/reason'] = reason;
  }

  actsAs(user: UserInfo): void {
    this.#actsAs = user;
  }

  requested(value: unknown): void {
    const metadata = (value as Partial<KubeObject> | null)?.metadata;
    if (typeof metadata === 'object' && metadata !== null) this.#meta = metadata;
    if (this.#parts.choice.level !== 'Metadata') this.#requestObject = value;
  }

  started(code: number): void {
    this.#status = { metadata: {}, code };
    this.emit('ResponseStarted');
  }

  answered(answer: Exclude<Answer, { kind: 'stream' | 'taken' }>): void {
    this.#responseObject = undefined;
    this.#status = { metadata: {}, code: answer.code };
    if (answer.kind === 'value' && (answer.value as Partial<Status> | undefined)?.kind === 'Status') {
      const { status, message, reason, details } = answer.value as Status;
      this.#status = {
        metadata: {},
        ...(status === undefined ? {} : { status }),
        ...(message === undefined ? {} : { message }),
        ...(reason === undefined ? {} : { reason }),
        ...(details === undefined ? {} : { details }),
        code: answer.code,
      };
    }
    if (this.#parts.choice.level !== 'RequestResponse' || answer.kind === 'text') return;
    this.#responseObject = answer.kind === 'json' ? answer.body : [Buffer.from(JSON.stringify(answer.value))];
  }

  panicked(why: string): void {
    this.#panicked = true;
    this.#status = { metadata: {}, status: 'Failure', message: `APIServer panic'd: ${why}`, reason: 'InternalError', code: 500 };
    this.emit('Panic');
  }

  completed(code: number): void {
    if (this.#panicked) return;
    this.#status ??= { metadata: {}, status: 'Success', message: 'Connection closed early', code };
    this.emit('ResponseComplete');
  }

  emit(stage: Stage): void {
    const { choice, clock, sink } = this.#parts;
    if (choice.omitStages.has(stage)) return;
    const call = this.#call;
    const { headers, query } = call;
    const agent = headers['user-agent'];
    const fields: readonly (readonly [string, unknown])[] = [
      ['kind', 'Event'],
      ['apiVersion', 'audit.k8s.io/v1'],
      ['level', choice.level],
      ['auditID', call.id],
      ['stage', stage],
      ['requestURI', query.raw === '' ? call.path : `${call.path}?${query.raw}`],
      ['verb', call.info.verb],
      ['user', userOf(this.#user)],
      ['impersonatedUser', this.#actsAs === undefined ? undefined : userOf(this.#actsAs)],
      ['sourceIPs', sourcesOf(call)],
      ['userAgent', agent === '' ? undefined : agent],
      ['objectRef', refOf(call, this.#meta)],
      ['responseStatus', this.#status],
      ['requestObject', choice.omitManagedFields ? withoutManaged(this.#requestObject) : this.#requestObject],
      ['responseObject', this.#responseObject],
      ['requestReceivedTimestamp', rfc3339Micro(call.startedAtMs)],
      ['stageTimestamp', rfc3339Micro(clock.nowMs())],
      ['annotations', Object.keys(this.#annotations).length === 0 ? undefined : this.#annotations],
    ];
    const texts = fields
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `"${name}":${name === 'responseObject' ? this.#responseText() : JSON.stringify(value)}`);
    sink.add(`{${texts.join(',')}}\n`);
  }

  /** As it was sent, byte for byte, unless something is left out. */
  #responseText(): string {
    const text = Buffer.concat(this.#responseObject ?? []).toString();
    return this.#parts.choice.omitManagedFields ? JSON.stringify(withoutManaged(JSON.parse(text))) : text;
  }
}

/** Without a user there is one event: that the request was refused. */
class Refused extends RequestRecord {
  readonly #tried: string;

  constructor(call: ApiCall, parts: Parts) {
    super(call, parts);
    this.#tried = triedOf(call);
  }

  override answered({ code }: { readonly code: number }): void {
    const status: Status = { kind: 'Status', status: 'Failure', message: this.#tried, reason: 'Unauthorized', code };
    super.answered({ kind: 'value', code, value: status });
  }

  override completed(): void {
    this.emit('ResponseStarted');
  }
}

function triedOf({ headers, peer }: ApiCall): string {
  const [scheme = ''] = String(headers['authorization'] ?? '').split(' ');
  const tried = [
    ...(/^(basic|bearer)$/i.test(scheme) ? [scheme.toLowerCase()] : []),
    ...(peer.certificate === undefined && peer.certificateProblem === undefined ? [] : ['x509']),
  ];
  return tried.length === 0 ? 'Authentication failed, no credentials provided' : `Authentication failed, attempted: ${tried.join(', ')}`;
}

function userOf(user: UserInfo): object {
  const { name, uid, groups, extra } = user;
  if (name === '') return {};
  return { username: name, uid, ...(groups.length === 0 ? {} : { groups }), extra };
}

/** As proxies on the way tell it, the connection itself last. */
function sourcesOf({ headers, peer }: ApiCall): readonly string[] | undefined {
  const told = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((text) => text.trim());
  const forwarded = told.filter((text) => parseIp(text) !== undefined);
  const real = String(headers['x-real-ip'] ?? '');
  const before = forwarded.length > 0 ? forwarded : parseIp(real) === undefined ? [] : [real];
  const all = peer.address === '' || before.at(-1) === peer.address ? before : [...before, peer.address];
  return all.length === 0 ? undefined : all;
}

function refOf({ info }: ApiCall, meta: KubeObject['metadata'] | undefined): object | undefined {
  if (info.kind === 'path') return undefined;
  const or = (text: string, otherwise: unknown): string | undefined =>
    text !== '' ? text : typeof otherwise === 'string' && otherwise !== '' ? otherwise : undefined;
  return {
    resource: info.resource,
    namespace: or(info.namespace, meta?.namespace),
    name: or(info.name, meta?.name),
    uid: or('', meta?.uid),
    apiGroup: or(info.group, undefined),
    apiVersion: info.version,
    resourceVersion: or('', meta?.resourceVersion),
    subresource: or(info.subresource, undefined),
  };
}

/** Of an object, or of each in a list. */
function withoutManaged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { metadata, items } = value as { readonly metadata?: object; readonly items?: unknown };
  return {
    ...value,
    ...(typeof metadata === 'object' && metadata !== null ? { metadata: { ...metadata, managedFields: undefined } } : {}),
    ...(Array.isArray(items) ? { items: items.map(withoutManaged) } : {}),
  };
}
