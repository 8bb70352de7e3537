/** Which core runs what: Envoy alone on the first, its peers on the second, where the machine lets us choose. */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

const pinned = availableParallelism() >= 2 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;

/** Whether processes are pinned at all. */
export function isPinned(): boolean {
  return pinned;
}

/** The command line that runs `command` on one core; as it was, where that can't be done. */
export function onCore(core: 0 | 1, command: string, args: readonly string[]): [string, string[]] {
  return pinned ? ["taskset", ["-c", String(core), command, ...args]] : [command, [...args]];
}
