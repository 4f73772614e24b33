/** Looks into a PKCS#10 request. Loaded when the first one comes: the library is heavy. Pure. Throws: BadRequest. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { badRequest } from '../status.ts';

/** request: base64 of PEM, as spec.request has it. */
export function organizationsOf(request: string): readonly string[] {
  try {
    const csr = new x509.Pkcs10CertificateRequest(Buffer.from(request, 'base64').toString());
    return csr.subjectName.getField('O');
  } catch (err) {
    throw badRequest('spec.request: cannot be read: want the base64 of a PEM block of type CERTIFICATE REQUEST', err);
  }
}
