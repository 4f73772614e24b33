/** A protobuf body as a JSON value: finds the kind that its sender says it is. Pure. Throws: BadRequest. */
import { builtinKinds } from '#api/definitions/all.ts';
import { DeleteOptions } from '#api/kinds/meta/options.ts';
import type { Schema } from '#api/schema.ts';
import { badRequest } from '../status.ts';
import { decodeObject, openEnvelope } from './decode.ts';

const schemas = new Map<string, Schema>(builtinKinds.map(({ apiVersion, kind, schema }) => [`${apiVersion} ${kind}`, schema]));

export function readProtobuf(bytes: Buffer): unknown {
  const envelope = openEnvelope(bytes);
  const { apiVersion, kind } = envelope;
  // Options belong to every group.
  const schema = kind === 'DeleteOptions' ? DeleteOptions : schemas.get(`${apiVersion} ${kind}`);
  if (schema === undefined) {
    throw badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}: only built-in kinds can be sent as protobuf, send JSON`,
    );
  }
  return decodeObject(envelope, { schema: schema as never });
}
