import type { Flags } from "../runtime/flags.ts";

/** One verb of the CLI. */
export interface Verb {
  readonly summary: string;
  /** how its positional arguments are written in `--help`, e.g. `<channel>` */
  readonly usage?: string;
  /** several tables where sub-verbs have flags of their own: the first word chooses */
  readonly flags: Flags;
  /** @returns the exit code; a service never returns */
  run(argv: readonly string[]): Promise<number>;
}
