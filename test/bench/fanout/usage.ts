/** What processes have used, as Linux counts it. */
import { readdir, readFile } from "node:fs/promises";

/** CPU time of all threads of a process so far, µs. The scheduler counts it in ns, finer than the 10 ms of `/proc/PID/stat`. */
export async function cpuUs(pid: number): Promise<number> {
  const tasks = `/proc/${pid}/task`;
  const texts = await Promise.all((await readdir(tasks)).map((task) => readFile(`${tasks}/${task}/schedstat`, "utf8").catch(() => "0"))); // a thread may end meanwhile
  return texts.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1_000;
}

/** Resident memory, KiB. */
export async function rssKiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
}
