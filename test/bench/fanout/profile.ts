/** `--profile`: where the CPU of a Node server goes, function by function, as V8's sampling profiler sees it. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number } }[];
  /** µs of the clock that all processes of a machine share; so are the ends of the windows */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Functions with less than this share are added up. */
const leastShare = 0.01;

interface Hot {
  readonly where: string;
  readonly share: number;
}

/** From when to when messages were delivered, µs. */
const windows: (readonly [number, number])[] = [];

/** Only what happens within one of these counts. */
export async function inWindow<T>(work: () => Promise<T>): Promise<T> {
  const now = (): number => Number(process.hrtime.bigint() / 1_000n);
  const start = now();
  try {
    return await work();
  } finally {
    windows.push([start, now()]);
  }
}

/** Shares of the time in which the process was not idle, the largest first. */
function hottest({ nodes, startTime, samples, timeDeltas }: CpuProfile): Hot[] {
  const names = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [id, url === "" ? functionName : `${functionName || "(anonymous)"} ${url.startsWith("node:") ? url : basename(url)}:${lineNumber + 1}`]));
  const sums = new Map<string, number>();
  let total = 0;
  let at = startTime;
  for (const [i, sample] of samples.entries()) {
    const name = names.get(sample)!;
    at += timeDeltas[i]!;
    if (name === "(idle)" || !windows.some(([start, end]) => at >= start && at < end)) continue;
    total += timeDeltas[i]!;
    sums.set(name, (sums.get(name) ?? 0) + timeDeltas[i]!);
  }
  const all = [...sums].map(([where, us]) => ({ where, share: us / total })).sort((a, b) => b.share - a.share);
  const shown = all.filter(({ share }) => share >= leastShare);
  return [...shown, { where: "(others)", share: 1 - shown.reduce((sum, { share }) => sum + share, 0) }];
}

/** Prints those that were written into a folder. */
export async function printProfiles(dir: string): Promise<void> {
  for (const file of (await readdir(dir)).filter((name) => name.endsWith(".cpuprofile")).sort()) {
    console.log(`\n### ${file.replace(/-\d+\.cpuprofile$/, "")}\n\n| share | where |\n|--:|:--|`);
    for (const { where, share } of hottest(JSON.parse(await readFile(join(dir, file), "utf8")) as CpuProfile)) console.log(`| ${(100 * share).toFixed(1)} % | ${where.replaceAll("|", "\\|")} |`);
  }
}
