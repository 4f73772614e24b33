/**
 * The messages of the protobuf form of an OpenAPI 2 document, as far as the API server writes them: names, numbers and types. Data only.
 * Source: the wire format openapi.v2 of gnostic, which old clients insist on.
 */
import type { INamespace } from 'protobufjs';

type Row = readonly [id: number, type: string, name: string, rule?: 'repeated'];

const message = (...rows: readonly Row[]): { fields: Record<string, { id: number; type: string; rule?: string }> } => ({
  fields: Object.fromEntries(rows.map(([id, type, name, rule]) => [name, { id, type, ...(rule === undefined ? {} : { rule }) }])),
});
const named = (value: string) => message([1, 'string', 'name'], [2, value, 'value']);
const list = (value: string, name: string, id = 1) => message([id, value, name, 'repeated']);

export const GNOSTIC: INamespace = {
  nested: {
    Document: message([1, 'string', 'swagger'], [2, 'Info', 'info'], [8, 'Paths', 'paths'], [9, 'Definitions', 'definitions']),
    Info: message([1, 'string', 'title'], [2, 'string', 'version']),
    Paths: list('NamedPathItem', 'path', 2),
    NamedPathItem: named('PathItem'),
    PathItem: message(
      [2, 'Operation', 'get'],
      [3, 'Operation', 'put'],
      [4, 'Operation', 'post'],
      [5, 'Operation', 'delete'],
      [6, 'Operation', 'options'],
      [7, 'Operation', 'head'],
      [8, 'Operation', 'patch'],
      [9, 'ParametersItem', 'parameters', 'repeated'],
    ),
    Operation: message(
      [1, 'string', 'tags', 'repeated'],
      [3, 'string', 'description'],
      [5, 'string', 'operationId'],
      [6, 'string', 'produces', 'repeated'],
      [7, 'string', 'consumes', 'repeated'],
      [8, 'ParametersItem', 'parameters', 'repeated'],
      [9, 'Responses', 'responses'],
      [10, 'string', 'schemes', 'repeated'],
      [13, 'NamedAny', 'vendorExtension', 'repeated'],
    ),
    ParametersItem: message([1, 'Parameter', 'parameter']),
    Parameter: message([1, 'BodyParameter', 'bodyParameter'], [2, 'NonBodyParameter', 'nonBodyParameter']),
    BodyParameter: message([2, 'string', 'name'], [3, 'string', 'in'], [4, 'bool', 'required'], [5, 'Schema', 'schema']),
    NonBodyParameter: message([3, 'QueryParameter', 'queryParameterSubSchema'], [4, 'PathParameter', 'pathParameterSubSchema']),
    QueryParameter: message(
      [1, 'bool', 'required'],
      [2, 'string', 'in'],
      [3, 'string', 'description'],
      [4, 'string', 'name'],
      [6, 'string', 'type'],
      [20, 'bool', 'uniqueItems'],
    ),
    PathParameter: message(
      [1, 'bool', 'required'],
      [2, 'string', 'in'],
      [3, 'string', 'description'],
      [4, 'string', 'name'],
      [5, 'string', 'type'],
      [19, 'bool', 'uniqueItems'],
    ),
    Responses: list('NamedResponseValue', 'responseCode'),
    NamedResponseValue: named('ResponseValue'),
    ResponseValue: message([1, 'Response', 'response']),
    Response: message([1, 'string', 'description'], [2, 'SchemaItem', 'schema']),
    SchemaItem: message([1, 'Schema', 'schema']),
    Definitions: list('NamedSchema', 'additionalProperties'),
    NamedSchema: named('Schema'),
    Properties: list('NamedSchema', 'additionalProperties'),
    Schema: message(
      [1, 'string', 'ref'],
      [2, 'string', 'format'],
      [4, 'string', 'description'],
      [5, 'Any', 'default'],
      [7, 'double', 'maximum'],
      [9, 'double', 'minimum'],
      [11, 'int64', 'maxLength'],
      [13, 'string', 'pattern'],
      [19, 'string', 'required', 'repeated'],
      [20, 'Any', 'enum', 'repeated'],
      [21, 'AdditionalProperties', 'additionalProperties'],
      [22, 'TypeItem', 'type'],
      [23, 'ItemsItem', 'items'],
      [25, 'Properties', 'properties'],
      [31, 'NamedAny', 'vendorExtension', 'repeated'],
    ),
    AdditionalProperties: message([1, 'Schema', 'schema'], [2, 'bool', 'boolean']),
    TypeItem: list('string', 'value'),
    ItemsItem: list('Schema', 'schema'),
    NamedAny: named('Any'),
    /** A value of any shape, as a text of YAML; JSON is YAML. */
    Any: message([2, 'string', 'yaml']),
  },
};
