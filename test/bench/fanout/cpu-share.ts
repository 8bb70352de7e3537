/** A share of one core's time for a process, by the kernel's bandwidth control (cgroup, version 1 or 2): what more processes bring can be seen where there are few cores. */
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** short, so that a process is held up for milliseconds, not for tenths of a second */
const periodUs = 10_000;

/** Where such groups are made, and how one is told its limit. */
const kinds = [
  { root: "/sys/fs/cgroup/cpu", limit: (us: number) => ({ "cpu.cfs_period_us": `${periodUs}`, "cpu.cfs_quota_us": `${us}` }) },
  { root: "/sys/fs/cgroup", limit: (us: number) => ({ "cpu.max": `${us} ${periodUs}` }) },
] as const;

export interface CpuShare {
  /** Moves a process in, with all its threads. */
  take(pid: number): Promise<void>;
  /** Removes the group; its processes must have ended. */
  remove(): Promise<void>;
}

/**
 * @param share of one core, above 0
 * @throws where this machine has no such groups, or does not let us make one
 */
export async function cpuShare(name: string, share: number): Promise<CpuShare> {
  let refused: unknown;
  for (const { root, limit } of kinds) {
    const folder = join(root, `ringway-bench-${process.pid}-${name}`);
    try {
      await mkdir(folder);
    } catch (error) {
      refused = error;
      continue;
    }
    try {
      for (const [file, text] of Object.entries(limit(Math.round(share * periodUs)))) await writeFile(join(folder, file), text, { flag: "r+" });
      return { take: (pid) => writeFile(join(folder, "cgroup.procs"), String(pid)), remove: () => rmdir(folder) };
    } catch (error) {
      refused = error;
      await rmdir(folder);
    }
  }
  throw refused;
}

/** Why no process can be given a share here, in one line. */
export async function missingCpuShare(): Promise<string | undefined> {
  try {
    await (await cpuShare("try", 0.5)).remove();
    return undefined;
  } catch (error) {
    return `no share of a core can be given here: ${(error as Error).message}`;
  }
}
