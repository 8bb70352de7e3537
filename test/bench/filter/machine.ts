/** On what it ran. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { envoyBinary } from "../../filter/envoy.ts";
import { fact, machineFacts, type Fact } from "../facts.ts";
import { isPinned } from "../pin.ts";

export async function machine(): Promise<Fact[]> {
  const { stdout } = await promisify(execFile)(await envoyBinary(), ["--version"]);
  return machineFacts([fact("Envoy", /\/(\d+\.\d+\.\d+[^/]*)\//.exec(stdout)?.[1] ?? stdout.trim()), fact("pinned to cores", isPinned() ? "Envoy 0, its peers 1" : "no")]);
}
