/**
 * Runs a hook of a container: after its start, or before its end. Nothing is decided here.
 *
 * Throws: AppError HOOK_FAILED, or what the runtime says, or the reason of signal. How long it may take is the caller's business.
 * Differs: upstream refuses a tcpSocket hook when it comes to it; here the port is opened, as the field says.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { LifecycleHandler } from '#api/kinds/core/probes.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import type { CriClient } from '#cri/client.ts';
import { portOf, urlOf } from '../probes/act.ts';
import { dial } from '../probes/http/dial.ts';
import { httpGet } from '../probes/http/get.ts';

export interface HookTarget {
  readonly containerId: string;
  readonly container: Pick<Container, 'name' | 'ports'>;
  readonly ip: string;
}

export async function runHook(
  { client, clock }: { readonly client: CriClient; readonly clock: Clock },
  hook: LifecycleHandler,
  target: HookTarget,
  signal: AbortSignal,
): Promise<void> {
  if (hook.exec !== undefined) {
    const cmd = [...(hook.exec.command ?? [])];
    const { exit_code, stdout, stderr } = await client.runtime.execSync({ container_id: target.containerId, cmd, timeout: 0 }, { signal });
    if (exit_code === 0) return;
    const said = Buffer.concat([stdout, stderr]).toString('utf8').trim().slice(0, 1_000);
    throw new AppError('HOOK_FAILED', `command ${JSON.stringify(cmd.join(' '))} exited with ${exit_code}${said === '' ? '' : `: ${said}`}`);
  }
  if (hook.sleep !== undefined) return clock.sleep(hook.sleep.seconds * 1_000, signal);
  try {
    if (hook.httpGet !== undefined) {
      // Any answer is one: the status is not looked at, as upstream.
      await httpGet({ url: urlOf(hook.httpGet, target), headers: hook.httpGet.httpHeaders ?? [], signal });
    } else if (hook.tcpSocket !== undefined) {
      const { host, port } = hook.tcpSocket;
      await dial(host === undefined || host === '' ? target.ip : host, portOf(target.container, port), signal);
    }
  } catch (err) {
    signal.throwIfAborted();
    throw new AppError('HOOK_FAILED', explain(err));
  }
}
