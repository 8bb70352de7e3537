/** `ringway store …`: what an operator does with the embedded store. */
import { storeFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { progress } from "./progress.ts";
import type { Verb } from "./verb.ts";

const flags = { store: storeFlags.store, data: storeFlags.data } as const satisfies Flags;

export const store: Verb = {
  summary: "backup <folder>",
  usage: "backup <folder>",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, 2);
    const [verb, folder] = options._;
    if (verb !== "backup") throw new UsageError(`${verb === undefined ? "store needs a verb" : `'store ${verb}' is not known`}: backup`);
    if (folder === undefined) throw new UsageError("usage: ringway store backup <folder>");
    if (options.store !== "lmdb") throw new UsageError(`store backup copies lmdb's folder; ${options.store === "memory" ? "there is nothing to copy in memory" : "for PostgreSQL there is pg_dump"}`);
    // The engine is loaded when it is needed.
    const { backUp, BackupError } = await import("../store/backup.ts");
    const bar = progress("copying");
    const bytes = await backUp(options.data, folder, (share) => bar.at(share))
      .catch((error: unknown) => Promise.reject(error instanceof BackupError ? new UsageError(error.message) : error))
      .finally(() => bar.end());
    process.stdout.write(`${folder}: ${bytes} bytes\n`);
    return 0;
  },
};
