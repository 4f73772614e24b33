/**
 * How a further control plane gets the keys of the cluster: they lie in the Secret kube-system/kubeadm-certs for two hours, under a key that is
 * nowhere but in the command for joining. Pure. The format is kubeadm's: AES-256-GCM, the nonce before and the tag behind the ciphertext.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { AppError } from '#base/errors.ts';
import { JOINERS } from './bootstrapToken.ts';
import { mayGet, type ApiObject } from './objects.ts';

export const SHARED_FILES = [
  'ca.crt',
  'ca.key',
  'front-proxy-ca.crt',
  'front-proxy-ca.key',
  'etcd/ca.crt',
  'etcd/ca.key',
  'sa.key',
  'sa.pub',
] as const;
export const SECRET = 'kubeadm-certs';
/** Ends with the token that owns it. */
export const LIVES_MS = 2 * 3_600_000;
export const TOKEN_DESCRIPTION = 'Proxy for managing TTL for the kubeadm-certs secret';

const [KEY_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 12, 16];
export const KEY_LENGTH = KEY_BYTES;

/** Throws AppError USAGE; the message does not repeat a key. */
export function parseCertificateKey(text: string): Buffer {
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new AppError('USAGE', '--certificate-key: want 64 hexadecimal digits, as kijabi init --upload-certs prints them');
  return Buffer.from(text, 'hex');
}

export interface SecretOptions {
  readonly files: ReadonlyMap<string, string>;
  readonly key: Buffer;
  readonly owner: { readonly name: string; readonly uid: string };
  /** Random bytes, others for each file. */
  readonly nonce: (length: number) => Buffer;
}

export function sharedObjects({ files, key, owner, nonce }: SecretOptions): readonly ApiObject[] {
  const data = [...files].map(([file, text]) => [nameOf(file), seal(text, key, nonce(NONCE_BYTES)).toString('base64')] as const);
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Secret', ...owner, blockOwnerDeletion: true, controller: true }];
  return [
    {
      path: '/api/v1/namespaces/kube-system/secrets',
      body: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: SECRET, namespace: 'kube-system', ownerReferences } as never,
        type: 'Opaque',
        data: Object.fromEntries(data),
      },
    },
    ...mayGet('kube-system', 'kubeadm:kubeadm-certs', { resource: 'secrets', name: SECRET }, [{ kind: 'Group', name: JOINERS }]),
  ];
}

const nameOf = (file: string): string => file.replaceAll('/', '-');

function seal(text: string, key: Buffer, nonce: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** data: of the Secret. Throws AppError CERTIFICATE_KEY_WRONG for another key, and what was changed or is not all there. */
export function openShared(data: Readonly<Record<string, string>>, key: Buffer): ReadonlyMap<string, string> {
  return new Map(
    SHARED_FILES.map((file) => {
      const sealed = Buffer.from(data[nameOf(file)] ?? '', 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
        decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
        const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)), decipher.final()]);
        return [file, text.toString()];
      } catch (err) {
        throw new AppError(
          'CERTIFICATE_KEY_WRONG',
          `Cannot open ${file} in Secret kube-system/${SECRET} with this --certificate-key. Next: kijabi init --upload-certs on a control plane makes new ones`,
          { file },
          err,
        );
      }
    }),
  );
}
