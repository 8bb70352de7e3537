/** A process of its own that takes tickets h0, h1 … out of a directory, lmdb's or PostgreSQL's, `start` having been said on stdin, and says the ones it got. */
import { once } from "node:events";
import { openDirectory } from "../../services/store/open.ts";

const where = process.argv[2]!;
const directory = openDirectory({ store: where.startsWith("postgres:") ? where : "lmdb", data: where, storeConnections: 4 });
process.stdout.write("ready\n");
await once(process.stdin, "data");
const taken: string[] = [];
for (let i = 0; i < Number(process.argv[3]); i++) {
  if ((await directory.takeTicket(`h${i}`, 0)) !== undefined) taken.push(`h${i}`);
}
process.stdout.write(`${JSON.stringify(taken)}\n`);
process.stdin.destroy();
await directory.close();
