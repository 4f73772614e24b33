/**
 * A plain view of the .proto files, as proto-loader reads them: what the generator and the tests work on. Not used at run time.
 * Pure but for reading the .proto files.
 */
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

export interface Field {
  readonly name: string;
  readonly number: number;
  /** A scalar of protobuf, or the last part of the name of a message or an enum. */
  readonly type: string;
  readonly repeated: boolean;
  /** The key type of a map; type is then that of the values. */
  readonly mapKey?: string;
}

export type Definition =
  | { readonly kind: 'message'; readonly package: string; readonly name: string; readonly fields: readonly Field[] }
  | { readonly kind: 'enum'; readonly package: string; readonly name: string; readonly values: readonly (readonly [string, number])[] }
  | { readonly kind: 'service'; readonly package: string; readonly name: string; readonly methods: readonly Method[] };

export interface Method {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly streams: boolean;
}

export const PROTO_OPTIONS = { keepCase: true, longs: String, enums: String, defaults: true } as const;
const FILES = ['api.proto', 'containerd-events.proto', 'containerd-tasks.proto', 'containerd-content.proto'];

export function loadProtos(): PackageDefinition {
  return loadSync(FILES, { ...PROTO_OPTIONS, includeDirs: [new URL('.', import.meta.url).pathname] });
}

interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}
interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}
interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly (MessageDescriptor & { readonly options: { readonly mapEntry?: boolean } | null })[];
  readonly enumType: readonly EnumDescriptor[];
}

/** Every definition in the order of the files. An enum inside a message is called Message_Enum. */
export function definitionsOf(all: PackageDefinition): readonly Definition[] {
  return Object.entries(all).flatMap(([fullName, item]): Definition[] => {
    const name = lastPart(fullName);
    const at = { package: fullName.slice(0, -name.length - 1), name };
    if (!isDescribed(item)) return [{ kind: 'service', ...at, methods: methodsOf(item) }];
    if (item.format.endsWith(' EnumDescriptorProto')) return [enumOf(at, item.type as EnumDescriptor)];
    return messageOf(at, item.type as MessageDescriptor);
  });
}

function messageOf(at: { package: string; name: string }, type: MessageDescriptor): Definition[] {
  const maps = new Map(type.nestedType.filter((t) => t.options?.mapEntry === true).map((t) => [t.name, t.field]));
  const own = new Map(type.enumType.map((e) => [e.name, `${at.name}_${e.name}`]));
  const fields = type.field.map((f): Field => {
    const entry = maps.get(f.typeName);
    const base = { name: f.name, number: f.number };
    if (entry === undefined) return { ...base, type: own.get(f.typeName) ?? typeOf(f), repeated: f.label === 'LABEL_REPEATED' };
    const [key, value] = entry;
    if (key === undefined || value === undefined) throw new Error(`${at.name}.${f.name}: a map without key or value`);
    return { ...base, type: typeOf(value), repeated: false, mapKey: typeOf(key) };
  });
  return [
    { kind: 'message', ...at, fields },
    ...type.enumType.map((e) => enumOf({ package: at.package, name: `${at.name}_${e.name}` }, e)),
  ];
}

function enumOf(at: { package: string; name: string }, type: EnumDescriptor): Definition {
  return { kind: 'enum', ...at, values: type.value.map((v) => [v.name, v.number] as const) };
}

type Item = PackageDefinition[string];

/** A message or an enum; a service has no descriptor of its own. */
function isDescribed(item: Item): item is Extract<Item, { format: string }> {
  return typeof item['format'] === 'string';
}

function methodsOf(service: Exclude<Item, { format: string }>): Method[] {
  return Object.entries(service).map(([name, m]) => ({
    name,
    request: (m.requestType.type as MessageDescriptor).name,
    response: (m.responseType.type as MessageDescriptor).name,
    streams: m.responseStream,
  }));
}

function typeOf(f: FieldDescriptor): string {
  return f.typeName === '' ? f.type.slice('TYPE_'.length).toLowerCase() : lastPart(f.typeName);
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
