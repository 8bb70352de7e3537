/** `ringway store copy`: moves what a store holds to another engine, and says by digests that it is there. */
import { systemClock } from "../runtime/clock.ts";
import { UsageError } from "../runtime/flags.ts";
import type { Compared, Copied } from "../store/copy.ts";
import { complain, print, table } from "./output.ts";
import { progress, type Progress } from "./progress.ts";

export interface CopyVerb {
  readonly batch: number;
  readonly json: boolean;
}

/** @returns the exit code @throws UsageError, StoreUnavailable */
export async function runCopy(from: string, to: string, { batch, json }: CopyVerb): Promise<number> {
  // Engines are loaded when they are needed.
  const [{ copyStore, differing }, { CopyError, configOf, openEnd }] = await Promise.all([import("../store/copy.ts"), import("../store/end.ts")]);
  const bars = new Bars();
  try {
    const source = await openEnd(await configOf(from, false));
    try {
      const target = await openEnd(await configOf(to, true));
      try {
        const result = await copyStore(source, target, { batch, told: (part, share, name) => bars.at(part, share, name), now: () => systemClock.now() });
        bars.end();
        return tell(result, differing(result.tables), json);
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } catch (error) {
    throw error instanceof CopyError ? new UsageError(error.message) : error;
  } finally {
    bars.end();
  }
}

/** One bar after the other. */
class Bars {
  #part = "";
  #shown: Progress | undefined;

  at(part: string, share: number, note: string): void {
    if (part !== this.#part) {
      this.end();
      this.#part = part;
      this.#shown = progress(part);
    }
    this.#shown!.at(share, note);
  }

  end(): void {
    this.#shown?.end();
    this.#shown = undefined;
    this.#part = "";
  }
}

function tell(result: Copied, differ: readonly string[], json: boolean): number {
  const { from, to, did, verified, changed, tables } = result;
  if (json) print([JSON.stringify({ ...result, differ })]);
  else {
    if (Object.keys(tables).length > 0) print(lines(result));
    if (verified !== undefined) print([did === "nothing" ? `Nothing is left to copy: ${to} has had all of ${from} since ${verified}.` : `${to} holds what ${from} does.`]);
  }
  if (changed) complain(new Error(`${from} changed since the copy began: stop the plane, empty ${to}, and copy again`));
  else if (differ.length > 0) complain(new Error(`${to} is not the same as ${from} in ${differ.join(", ")}: does somebody write to it? Empty it, and copy again`));
  return verified !== undefined && !changed ? 0 : 1;
}

/** The counts and digests of both, side by side; all of a digest is in the JSON. */
function lines({ tables }: Copied): string[] {
  const row = ([name, { source, target }]: [string, Compared]): string[] => {
    const equal = source.sha256 === target.sha256 && source.rows === target.rows;
    return [name, ...[source, target].flatMap(({ rows, sha256 }) => [String(rows), sha256.slice(0, 16)]), equal ? "equal" : "DIFFERENT"];
  };
  return table([["table", "source", "sha256", "target", "sha256", ""], ...Object.entries(tables).map(row)]);
}
