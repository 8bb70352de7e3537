/** A process of its own that takes tickets h0, h1 … out of an lmdb directory, `start` having been said on stdin, and says the ones it got. */
import { once } from "node:events";
import { openLmdbDirectory } from "../../services/store/lmdb-directory.ts";

const directory = openLmdbDirectory(process.argv[2]!);
process.stdout.write("ready\n");
await once(process.stdin, "data");
const taken: string[] = [];
for (let i = 0; i < Number(process.argv[3]); i++) {
  if ((await directory.takeTicket(`h${i}`, 0)) !== undefined) taken.push(`h${i}`);
}
process.stdout.write(`${JSON.stringify(taken)}\n`);
process.stdin.destroy();
await directory.close();
