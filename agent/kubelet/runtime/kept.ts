/**
 * What annotations of a container keep of its manifest, for when that is gone. Pure. Annotations are text that anybody may have written:
 * what does not fit the schema is as if it were not there.
 */
import { ResourceRequirements } from '#api/kinds/core/compute.ts';
import { ContainerPort } from '#api/kinds/core/container.ts';
import { LifecycleHandler } from '#api/kinds/core/probes.ts';
import { atomicList } from '#api/schema.ts';
import { compile } from '#api/validate.ts';

const isHook = compile(LifecycleHandler);
const areResources = compile(ResourceRequirements);
const arePorts = compile(atomicList(ContainerPort));

export function keptHook(text: string | undefined): { preStop?: LifecycleHandler } {
  const value = parsed(text);
  return value !== undefined && isHook(value).length === 0 ? { preStop: value as LifecycleHandler } : {};
}

export function keptPorts(text: string | undefined): { ports?: readonly ContainerPort[] } {
  const value = parsed(text);
  return value !== undefined && arePorts(value).length === 0 ? { ports: value as ContainerPort[] } : {};
}

export function keptResources(text: string | undefined): { resources?: ResourceRequirements } {
  const value = parsed(text);
  return value !== undefined && areResources(value).length === 0 ? { resources: value as ResourceRequirements } : {};
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
