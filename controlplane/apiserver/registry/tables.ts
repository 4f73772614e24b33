/** Tables: what kubectl get shows. The columns of each kind are plugged in. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KindDefinition } from '#api/scheme.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  /** 0 is always shown; others only with -o wide. */
  readonly priority: number;
}

export interface TableMaker {
  columns(definition: KindDefinition): readonly TableColumn[];
  cells(definition: KindDefinition, object: KubeObject, nowMs: number): readonly unknown[];
}
