/**
 * Rules for probes and lifecycle hooks. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { Lifecycle, LifecycleHandler, Probe } from '#api/kinds/core/probes.ts';
import { httpHeaderName } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import type { AnyContainer, PodContext } from '#api/validation/context.ts';
import { validateNonNegative, validatePort, validatePresent } from '#api/validation/paths.ts';

type Handler = Pick<Probe, 'grpc'> & LifecycleHandler;

export function validateProbes(context: PodContext, container: AnyContainer, at: FieldPath): void {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  if (livenessProbe !== undefined) validateSingleSuccessProbe(context, livenessProbe, at.field('livenessProbe'));
  if (startupProbe !== undefined) validateSingleSuccessProbe(context, startupProbe, at.field('startupProbe'));
  if (readinessProbe !== undefined) {
    validateProbe(context, readinessProbe, at.field('readinessProbe'));
    const grace = readinessProbe.terminationGracePeriodSeconds;
    if (grace !== undefined) {
      context.problems.invalid(
        at.field('readinessProbe').field('terminationGracePeriodSeconds'),
        grace,
        'must not be set for readinessProbes',
      );
    }
  }
  if (lifecycle !== undefined) validateLifecycle(context, lifecycle, at.field('lifecycle'));
}

function validateSingleSuccessProbe(context: PodContext, probe: Probe, at: FieldPath): void {
  validateProbe(context, probe, at);
  if ((probe.successThreshold ?? 1) !== 1) context.problems.invalid(at.field('successThreshold'), probe.successThreshold, 'must be 1');
}

const COUNTS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;

function validateProbe(context: PodContext, probe: Probe, at: FieldPath): void {
  validateHandler(context, probe, at);
  for (const name of COUNTS) validateNonNegative(context.problems, probe[name], at.field(name));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    context.problems.invalid(at.field('terminationGracePeriodSeconds'), grace, 'must be greater than 0');
  }
}

function validateLifecycle(context: PodContext, lifecycle: Lifecycle, at: FieldPath): void {
  if (lifecycle.postStart !== undefined) validateHandler(context, lifecycle.postStart, at.field('postStart'));
  if (lifecycle.preStop !== undefined) validateHandler(context, lifecycle.preStop, at.field('preStop'));
  if (lifecycle.stopSignal === undefined) return;
  const { os } = context.spec;
  if (os === undefined) {
    context.problems.forbidden(at.field('stopSignal'), 'may not be set for containers with empty `spec.os.name`');
  } else if (os.name === 'windows' && lifecycle.stopSignal !== 'SIGTERM' && lifecycle.stopSignal !== 'SIGKILL') {
    context.problems.notSupported(at.field('stopSignal'), lifecycle.stopSignal, ['SIGKILL', 'SIGTERM']);
  }
}

/** Exactly one handler; a second one is refused where it stands. */
function validateHandler(context: PodContext, handler: Handler, at: FieldPath): void {
  const { problems } = context;
  let handlers = 0;
  const first = (name: string): boolean => {
    handlers += 1;
    if (handlers > 1) problems.forbidden(at.field(name), 'may not specify more than 1 handler type');
    return handlers === 1;
  };
  if (handler.exec !== undefined && first('exec') && (handler.exec.command ?? []).length === 0) {
    problems.required(at.field('exec').field('command'));
  }
  if (handler.httpGet !== undefined && first('httpGet')) validateHttpGet(problems, handler.httpGet, at.field('httpGet'));
  if (handler.tcpSocket !== undefined && first('tcpSocket'))
    validatePort(problems, handler.tcpSocket.port, at.field('tcpSocket').field('port'));
  if (handler.grpc !== undefined && first('grpc')) validatePort(problems, handler.grpc.port, at.field('grpc').field('port'));
  if (handler.sleep !== undefined && first('sleep')) {
    const grace = context.spec.terminationGracePeriodSeconds;
    if (grace !== undefined && (handler.sleep.seconds < 0 || handler.sleep.seconds > grace)) {
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
      problems.invalid(at.field('sleep'), handler.sleep.seconds, detail);
    }
  }
  if (handlers === 0) problems.required(at, 'must specify a handler type');
}

function validateHttpGet(problems: Problems, get: NonNullable<Handler['httpGet']>, at: FieldPath): void {
  validatePresent(problems, get.path, at.field('path'));
  validatePort(problems, get.port, at.field('port'));
  for (const { name } of get.httpHeaders ?? []) problems.invalidAll(at.field('httpHeaders'), name, httpHeaderName(name));
}
