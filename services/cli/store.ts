/** `ringway store …`: what an operator does with what is kept. */
import { storeFlags } from "../runtime/common-flags.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import { progress } from "./progress.ts";
import { runCopy } from "./store-copy.ts";
import type { Verb } from "./verb.ts";

const flags = {
  store: storeFlags.store,
  data: storeFlags.data,
  batch: { type: "number", default: 1_000, min: 1, max: 10_000, help: "copy: rows that go at once, at most" },
  json: { type: "boolean", help: "copy: print JSON" },
} as const satisfies Flags;

type Options = ReturnType<typeof parseFlags<typeof flags>>;

const verbs: Record<string, (options: Options, args: readonly string[]) => Promise<number>> = {
  async backup(options, [folder, ...more]) {
    if (folder === undefined || more.length > 0) throw new UsageError("usage: ringway store backup <folder>");
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
  async copy(options, [from, to]) {
    if (from === undefined || to === undefined) throw new UsageError("usage: ringway store copy <from> <to>, each lmdb's folder or postgres://user:password@host:port/database");
    const named = (name: string): string => (name === "lmdb" ? options.data : name);
    return runCopy(named(from), named(to), options);
  },
};

export const store: Verb = {
  summary: "backup <folder> | copy <from> <to>",
  usage: "backup|copy …",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, 3);
    const [verb, ...args] = options._;
    const run = Object.hasOwn(verbs, verb ?? "") ? verbs[verb!] : undefined;
    if (run === undefined) throw new UsageError(`${verb === undefined ? "store needs a verb" : `'store ${verb}' is not known`}: one of ${Object.keys(verbs).join(", ")}`);
    return run(options, args);
  },
};
