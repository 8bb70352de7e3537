/** The machine and its disk. */
import { open, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fact, machineFacts, type Fact } from "../facts.ts";

const version = async (name: string): Promise<string> => {
  const file = fileURLToPath(new URL(`../../../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(await readFile(file, "utf8")) as { version: string }).version;
};

export const machine = async (): Promise<Fact[]> => machineFacts([fact("lmdb (npm)", await version("lmdb"))]);

const fileSystems: Readonly<Record<number, string>> = { 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs (nothing is durable there)", 0x794c7630: "overlayfs" };

/** What a sync costs by itself: 4 KiB written in place and synced, 300 times. */
export async function syncTimes(folder: string): Promise<Fact[]> {
  const took: number[] = [];
  const file = await open(join(folder, "sync"), "w");
  try {
    for (let i = 0; i < 300; i++) {
      const begin = performance.now();
      await file.write(Buffer.alloc(4096, i), 0, 4096, 0);
      await file.datasync();
      took.push(performance.now() - begin);
    }
  } finally {
    await file.close();
  }
  took.sort((a, b) => a - b);
  const { type } = await statfs(folder);
  return [
    fact("file system", fileSystems[type] ?? `0x${type.toString(16)}`),
    fact("4 KiB written and synced, p50 and p99", `${took[150]!.toFixed(2)} ms, ${took[296]!.toFixed(2)} ms`),
  ];
}
