/** What this process holds, and how its parent asks for it. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Bytes. */
export interface Memory {
  /** resident, without pages of files: what the process costs the machine */
  readonly own: number;
  /** resident pages of files: lmdb's map, and the programs; the kernel takes them back when it needs them */
  readonly mapped: number;
  /** in JavaScript's heap after a collection */
  readonly heap: number;
}

/** After collections, until they free nothing more. Needs `--expose-gc`. */
export async function measure(): Promise<Memory> {
  for (let before = Infinity; ; ) {
    (globalThis as unknown as { gc(): void }).gc();
    await sleep(100);
    const { heapUsed } = process.memoryUsage();
    if (heapUsed > 0.999 * before) break;
    before = heapUsed;
  }
  const status = await readFile("/proc/self/status", "utf8");
  const bytes = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return { own: bytes("RssAnon"), mapped: bytes("RssFile") + bytes("RssShmem"), heap: process.memoryUsage().heapUsed };
}

/** Answers each message of the parent with `Memory`. */
export function answerMeasures(): void {
  process.on("message", () => void measure().then((memory) => process.send!(memory)));
}
