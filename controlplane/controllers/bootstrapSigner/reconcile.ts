/**
 * Signs the kubeconfig in kube-public/cluster-info with every bootstrap token that may sign, so that who has a token can believe it before
 * it knows the cluster. Off unless it is named.
 * Source: "Authenticating with Bootstrap Tokens" in the Kubernetes documentation: detached JWS, HS256, jws-kubeconfig-<token id>.
 */
import { createHmac } from 'node:crypto';
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { CONFIG_MAPS, SECRETS } from '../../component/kinds.ts';
import { TOKENS } from '../tokenCleaner/reconcile.ts';
import { Expectations } from '../workloads/expectations.ts';

const KEY = 'kube-public/cluster-info';
const PREFIX = 'jws-kubeconfig-';

export function bootstrapSignerController(deps: ControllerDeps): Controller {
  const secrets = deps.informers.for(SECRETS, { selection: TOKENS });
  const maps = deps.informers.for(CONFIG_MAPS, { selection: { namespace: 'kube-public', fieldSelector: 'metadata.name=cluster-info' } });
  const client = deps.clientAs('bootstrap-signer').resource(CONFIG_MAPS);
  const expectations = new Expectations(deps.clock, [maps]);
  return loopController<ConfigMap, { readonly kind: 'sign'; readonly data: Readonly<Record<string, string>> }>({
    name: 'bootstrap-signer-controller',
    deps,
    expectations,
    sources: [source(maps, () => [KEY]), source(secrets, () => [KEY])],
    desired: () => maps.get(KEY),
    plan: (map, _, nowMs) => {
      const data = map === undefined ? undefined : signed(map, [...secrets.values()], nowMs);
      return { actions: data === undefined ? [] : [{ kind: 'sign', data }] };
    },
    act: async ({ data }, key, signal) => {
      const map = maps.get(KEY);
      if (map !== undefined) expectations.written(key, maps, await client.update({ ...map, data }, { signal }));
    },
  });
}

/** undefined: it is signed as it should be. Pure. */
export function signed({ data = {} }: ConfigMap, secrets: readonly Secret[], nowMs: number): Readonly<Record<string, string>> | undefined {
  const { kubeconfig } = data;
  if (kubeconfig === undefined) return undefined;
  const others = Object.entries(data).filter(([name]) => !name.startsWith(PREFIX));
  const wanted = Object.fromEntries([...others, ...secrets.flatMap((secret) => signatureOf(secret, kubeconfig, nowMs))]);
  const isSame =
    Object.keys(wanted).length === Object.keys(data).length && Object.entries(wanted).every(([name, value]) => data[name] === value);
  return isSame ? undefined : wanted;
}

function signatureOf({ data = {} }: Secret, kubeconfig: string, nowMs: number): readonly (readonly [string, string])[] {
  const text = (name: string): string => Buffer.from(data[name] ?? '', 'base64').toString();
  const [id, secret, expiration] = [text('token-id'), text('token-secret'), text('expiration')];
  if (!/^[a-z0-9]{6}$/.test(id) || !/^[a-z0-9]{16}$/.test(secret) || text('usage-bootstrap-signing') !== 'true') return [];
  if (expiration !== '' && !(Date.parse(expiration) > nowMs)) return [];
  const part = (of: string): string => Buffer.from(of).toString('base64url');
  const header = part(JSON.stringify({ alg: 'HS256', kid: id }));
  const signature = createHmac('sha256', secret)
    .update(`${header}.${part(kubeconfig)}`)
    .digest('base64url');
  return [[`${PREFIX}${id}`, `${header}..${signature}`]];
}
