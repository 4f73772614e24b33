/** Progress of building, loading and serving images, for people who wait. */

export interface Step {
  /** packageLists download unpack build reuse import present push serve … */
  readonly step: string;
  readonly detail: string;
  readonly tookMs: number;
}

export type OnStep = (step: Step) => void;
