import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Directory } from "../../services/store/directory.ts";

/**
 * Puts tickets into a directory and has this process and another one take them at once, each from its end.
 * @param where the directory's folder or URL, for the other process (directory-taker.ts)
 * @returns the tickets, and all that was taken, sorted
 */
export async function raceForTickets(directory: Directory, where: string, tickets: number): Promise<{ put: string[]; taken: string[] }> {
  const put = Array.from({ length: tickets }, (_, i) => `h${i}`);
  await Promise.all(put.map((secretHash) => directory.putTicket({ secretHash, user: "U1", expiresAt: 10, offsets: {}, batchPresence: false }, 0)));
  const script = fileURLToPath(new URL("directory-taker.ts", import.meta.url));
  const child = spawn(process.execPath, [script, where, String(tickets)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  if ((await lines.next()).value !== "ready") throw new Error("the taker is not ready");
  child.stdin.write("start\n");
  const ours: string[] = [];
  for (const hash of put.toReversed()) if ((await directory.takeTicket(hash, 0)) !== undefined) ours.push(hash);
  const theirs = JSON.parse((await lines.next()).value as string) as string[];
  if (child.exitCode === null) await once(child, "exit");
  return { put: put.toSorted(), taken: [...ours, ...theirs].toSorted() };
}
