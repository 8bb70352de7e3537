/** How long one fuzz target runs, and from which seed. */
export interface Run {
  readonly seed: number;
  /** cases */
  readonly numRuns: number;
}
