/** A run as a file: one JSON object a line, so that it can be judged again. The first line names the plan, without its tokens. */
import { readFile, writeFile } from "node:fs/promises";
import type { Happened, Plan, Stored } from "./happened.ts";

export interface Recorded {
  readonly plan: Omit<Plan, "tokens">;
  readonly happened: readonly Happened[];
  readonly history: ReadonlyMap<string, readonly Stored[]>;
}

type Line = { readonly plan: Recorded["plan"] } | Happened | { readonly type: "stored"; readonly channel: string; readonly messages: readonly Stored[] };

export async function writeLog(file: string, plan: Plan, happened: readonly Happened[], history: Recorded["history"]): Promise<void> {
  const { tokens: _, ...rest } = plan;
  const stored = [...history].map(([channel, messages]): Line => ({ type: "stored", channel, messages }));
  const lines: readonly Line[] = [{ plan: rest }, ...happened, ...stored];
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

/** @throws Error that says what is wrong with the file */
export async function readLog(file: string): Promise<Recorded> {
  const happened: Happened[] = [];
  const history = new Map<string, readonly Stored[]>();
  let plan: Recorded["plan"] | undefined;
  for (const [i, text] of (await readFile(file, "utf8")).split("\n").entries()) {
    if (text === "") continue;
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      throw new Error(`line ${i + 1} is not JSON`);
    }
    if (typeof line !== "object" || line === null || ("plan" in line) !== (plan === undefined)) throw new Error(`line ${i + 1} is no line of such a log`);
    if ("plan" in line) plan = line.plan;
    else if (line.type === "stored") history.set(line.channel, line.messages);
    else happened.push(line);
  }
  if (plan === undefined) throw new Error("it is empty");
  return { plan, happened, history };
}
