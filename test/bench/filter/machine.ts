/** On what it ran: figures without this are worth nothing. */
import { execFile } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import { envoyBinary } from "../../filter/envoy.ts";
import { isPinned } from "../pin.ts";
import type { Fact } from "./report.ts";

export async function machine(): Promise<Fact[]> {
  const { stdout } = await promisify(execFile)(await envoyBinary(), ["--version"]);
  const { stdout: commit } = await promisify(execFile)("git", ["rev-parse", "--short", "HEAD"]).catch(() => ({ stdout: "not in git" }));
  const fact = (name: string, value: string): Fact => ({ name, value, unit: "" });
  return [
    fact("processor", `${cpus().length} × ${cpus()[0]?.model.trim()}`),
    fact("memory", `${(totalmem() / 2 ** 30).toFixed(1)} GiB`),
    fact("system", `${type()} ${release()}`),
    fact("Envoy", /\/(\d+\.\d+\.\d+[^/]*)\//.exec(stdout)?.[1] ?? stdout.trim()),
    fact("Node", `${process.version}, V8 ${process.versions.v8}`),
    fact("Ringway", commit.trim()),
    fact("pinned to cores", isPinned() ? "Envoy 0, its peers 1" : "no"),
    fact("date", new Date().toISOString().slice(0, 10)),
  ];
}
