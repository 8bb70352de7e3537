/** A network and a mount namespace of the run's own: what it cuts and mounts is nobody else's, and vanishes with it. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { leash } from "./proc.ts";

const inside = "RINGWAY_CHAOS_NAMESPACES";

/** Whether this process runs in such namespaces. */
export const isInside = process.env[inside] === "own";

/** @returns why they can't be had here; undefined where they can */
export function whyNot(): string | undefined {
  if (process.platform !== "linux") return `${process.platform} has none`;
  const tried = spawnSync("unshare", ["-n", "-m", "--", "sh", "-c", "ip link set lo up && ip link add ringway0 type veth peer name ringway1 && mount -t tmpfs -o size=1m tmpfs /mnt && command -v nsenter"], { encoding: "utf8" });
  if (tried.error !== undefined) return tried.error.message;
  return tried.status === 0 ? undefined : tried.stderr.trim().split("\n")[0] || `unshare ended with ${tried.status}`;
}

/** Makes such namespaces fit to live in. */
export function moveIn(): void {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  // Envoys that hot-restart share memory by name; so does PostgreSQL.
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/dev/shm"]);
}

/** Runs this very program again, inside. @returns its exit code */
export function enter(program: string): Promise<number> {
  const [command, ...args] = [...leash.map((word) => (word === "KILL" ? "TERM" : word)), "unshare", "-n", "-m", "--", process.execPath, program, ...process.argv.slice(2)] as [string, ...string[]];
  const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, [inside]: "own" } });
  // Ctrl-C reaches both; the one inside ends what it started, and this one waits for it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void (signal === "SIGTERM" && child.kill(signal)));
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}
