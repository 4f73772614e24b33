/** What admission says no with. */
import { forbidden, type ApiError } from '../status.ts';
import type { AdmissionRequest } from './chain.ts';

export function refuse({ resource, name, object }: AdmissionRequest, why: string): ApiError {
  return forbidden(resource.about, name === '' ? (object?.metadata.generateName ?? '') : name, why);
}
