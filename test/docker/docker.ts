/** The programs `docker` and `docker compose` (or `docker-compose`), one run each. */
import { spawn } from "node:child_process";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param env beside this process's own */
export function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const [program, ...args] = command as [string, ...string[]];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    child.on("error", (error) => resolve({ code: 127, out, err: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, out, err }));
  });
}

/** @returns what it printed @throws Error with the end of what it complained of */
export async function docker(...args: readonly string[]): Promise<string> {
  return must(["docker", ...args]);
}

export async function must(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, out, err } = await run(command, env);
  if (code !== 0) throw new Error(`${command.slice(0, 4).join(" ")} … ended with ${code}: ${`${out}\n${err}`.trim().slice(-3_000)}`);
  return out.trim();
}

/** The command that understands compose files here. @throws Error where there is none */
export async function composeCommand(): Promise<readonly string[]> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) if ((await run([...command, "version"])).code === 0) return command;
  throw new Error("neither 'docker compose' nor docker-compose is there (Debian: apt-get install docker-compose)");
}

/** IDs of a compose project's containers, by the names that its file gives them. */
export async function containersOf(project: string): Promise<ReadonlyMap<string, string>> {
  const rows = await docker("ps", "--all", "--no-trunc", "--filter", `label=com.docker.compose.project=${project}`, "--format", '{{.Label "com.docker.compose.service"}} {{.ID}}');
  return new Map(rows.split("\n").filter((row) => row !== "").map((row) => row.split(" ") as [string, string]));
}
