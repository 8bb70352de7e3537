/** On what a bench ran: figures without this are worth nothing. */
import { execFile } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import type { Spread } from "./stats.ts";

/** Something measured that is not a row; `value` is a number where it can be compared. */
export interface Fact {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
}

export const fact = (name: string, value: string): Fact => ({ name, value, unit: "" });

/** @param parts versions of what else takes part */
export async function machineFacts(parts: readonly Fact[]): Promise<Fact[]> {
  const { stdout: commit } = await promisify(execFile)("git", ["rev-parse", "--short", "HEAD"]).catch(() => ({ stdout: "not in git" }));
  return [
    fact("processor", `${cpus().length} × ${cpus()[0]?.model.trim()}`),
    fact("memory", `${(totalmem() / 2 ** 30).toFixed(1)} GiB`),
    fact("system", `${type()} ${release()}`),
    ...parts,
    fact("Node", `${process.version}, V8 ${process.versions.v8}`),
    fact("Ringway", commit.trim()),
    fact("date", new Date().toISOString().slice(0, 10)),
  ];
}

export function printFacts(title: string, facts: readonly Fact[]): void {
  console.log(`\n## ${title}\n\n| | |\n|:--|--:|`);
  for (const { name, value, unit } of facts) console.log(`| ${name} | ${typeof value === "number" ? Number(value.toPrecision(6)) : value} ${unit} |`);
}

export function show({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
