/**
 * Rules for events. Those of core are old and lenient; events.k8s.io wants everything filled in. Pure.
 * Source: places (those of core, for both groups) and texts of the validation of Kubernetes 1.36.
 */
import { at } from '#api/fieldPath.ts';
import type { Event as CoreEvent } from '#api/kinds/core/event.ts';
import type { Event } from '#api/kinds/events/v1.ts';
import { dns1123Subdomain, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata } from '#api/validation/metadata.ts';

const LONGEST = 128;
const LONGEST_NOTE = 1_024;

/** What both forms say. */
interface Facts {
  readonly namespace: string;
  readonly about: string;
  readonly eventTime: string | null | undefined;
  readonly controller: string;
  readonly instance: string;
  readonly action: string;
  readonly reason: string;
  readonly note: string;
}

export function validateEvent(event: CoreEvent): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, event.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  validateFacts(problems, {
    namespace: event.metadata.namespace ?? '',
    about: event.involvedObject.namespace ?? '',
    eventTime: event.eventTime,
    controller: event.reportingComponent ?? '',
    instance: event.reportingInstance ?? '',
    action: event.action ?? '',
    reason: event.reason ?? '',
    note: event.message ?? '',
  });
  return problems.found;
}

export function validateNewEvent(event: Event): readonly Problem[] {
  const problems = new Problems();
  validateTold(problems, event);
  const { type = '' } = event;
  if (isUnset(event.eventTime)) problems.required(at('eventTime'));
  if (type !== 'Normal' && type !== 'Warning') problems.invalid(at('type'), '', `has invalid value: ${type}`);
  const unset = (name: string): void => problems.invalid(at(name), '', 'needs to be unset');
  if (!isUnset(event.deprecatedFirstTimestamp)) unset('firstTimestamp');
  if (!isUnset(event.deprecatedLastTimestamp)) unset('lastTimestamp');
  if ((event.deprecatedCount ?? 0) !== 0) unset('count');
  const { component = '', host = '' } = event.deprecatedSource ?? {};
  if (component !== '' || host !== '') unset('source');
  return problems.found;
}

/** Of what came by core, too, whose old fields are left alone when its series goes on. */
export function validateToldEvent(event: Event): readonly Problem[] {
  const problems = new Problems();
  validateTold(problems, event);
  return problems.found;
}

function validateTold(problems: Problems, event: Event): void {
  validateMetadata(problems, event.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  validateFacts(problems, {
    namespace: event.metadata.namespace ?? '',
    about: event.regarding?.namespace ?? '',
    eventTime: event.eventTime,
    controller: event.reportingController ?? '',
    instance: event.reportingInstance ?? '',
    action: event.action ?? '',
    reason: event.reason ?? '',
    note: event.note ?? '',
  });
  if (event.series !== undefined && event.series.count < 2) problems.invalid(at('series.count'), '', 'should be at least 2');
}

const isUnset = (time: string | null | undefined): boolean => time === undefined || time === null;

/** An event with a time of its own is one of the new kind, whichever group it comes by. */
function validateFacts(problems: Problems, facts: Facts): void {
  const { namespace, about, eventTime, controller, instance, action, reason, note } = facts;
  const isNew = !isUnset(eventTime);
  const strays = isNew
    ? about === '' && namespace !== 'default' && namespace !== 'kube-system'
    : about === ''
      ? namespace !== 'default'
      : about !== namespace;
  if (strays) problems.invalid(at('involvedObject', 'namespace'), about, 'does not match event.namespace');
  if (!isNew) return;
  if (controller === '') problems.required(at('reportingController'));
  problems.invalidAll(at('reportingController'), controller, qualifiedName(controller));
  for (const [name, text] of Object.entries({ reportingInstance: instance, action, reason })) {
    if (text === '') problems.required(at(name));
    if (text.length > LONGEST) problems.invalid(at(name), '', `can have at most ${LONGEST} characters`);
  }
  if (note.length > LONGEST_NOTE) problems.invalid(at('message'), '', `can have at most ${LONGEST_NOTE} characters`);
}
