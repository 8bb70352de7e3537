/** Kubernetes' own schemas, in their strict form: a field that it does not know is a fault. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pythonWith } from "../e2e/clients/programs.ts";
import { root } from "../filter/yaml.ts";

/** The oldest that the manifests say they are for, and the newest that the checker knows. */
const versions = ["1.35.0", "1.37.0"];

export interface Checked {
  /** `kind/name against version`, of what is good */
  readonly passed: readonly string[];
  readonly faults: readonly string[];
}

/** @param files their paths */
export async function checkSchemas(files: readonly string[]): Promise<Checked> {
  const { command, env } = await pythonWith("kubernetes-validate", join(root, "test", "deploy", "requirements.txt"));
  const args = ["-m", "kubernetes_validate", "--strict", ...versions.flatMap((version) => ["-k", version]), ...files];
  const output = await new Promise<string>((resolve) => execFile(command, args, { env: { ...process.env, ...env } }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`)));
  const lines = output.split("\n").filter((line) => line !== "");
  const good = /^INFO \S+ passed for resource (.*)$/;
  return { passed: lines.flatMap((line) => good.exec(line)?.[1] ?? []), faults: lines.filter((line) => !good.test(line)) };
}

/** What `checkSchemas` says of a good one, for every version. */
export function passedLines(kind: string, name: string): string[] {
  return versions.map((version) => `${kind.toLowerCase()}/${name} against version ${version.replace(/\.0$/, "")}`);
}
