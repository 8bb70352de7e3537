import type { Flags } from "../runtime/flags.ts";

/** One verb of the CLI. */
export interface Verb {
  readonly summary: string;
  /** how its positional arguments are written in `--help`, e.g. `<channel>` */
  readonly usage?: string;
  /** of all its sub-verbs together */
  readonly flags: Flags;
  /** @returns the exit code; a service never returns */
  run(argv: readonly string[]): Promise<number>;
}
