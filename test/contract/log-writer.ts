/**
 * A process of its own that works on an lmdb log or on one in PostgreSQL (`postgres://…` in the folder's place), told line by line on stdin and answering line by line on stdout (first of all the error's name
 * where it can't be opened):
 * `claim` → fence; `append <first> <count> <fence>` → one line of the appended offset or the refusal each;
 * `flood <first> <fence>` → appends until it is killed, saying each offset once it is acked;
 * `hold <ms>` → keeps the write lock for so long, saying when it has it and when no more;
 * `churn` → small transactions, one begun while another syncs, until it is killed, saying each fence;
 * `persist` → claims slot 1 again and again and reads who has it, whatever is refused, until it is killed, saying each fence or the refusal.
 */
import { createInterface } from "node:readline";
import { Environment } from "../../services/store/environment.ts";
import { openLmdbLog } from "../../services/store/lmdb-log.ts";
import type { LogStore } from "../../services/store/log.ts";
import { openPgLog } from "../../services/store/pg-log.ts";
import { messageEntry } from "./log-entry.ts";

const [folder = "", ...settings] = process.argv.slice(2);
const [bytes = 20, mapBytes = 2 ** 30, stuckKillMs = 0] = settings.map(Number);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function open(): LogStore {
  try {
    return folder.startsWith("postgres:") ? openPgLog(folder, 8) : openLmdbLog(folder, { mapBytes, stuckKillMs });
  } catch (error) {
    say((error as Error).name);
    process.exit(1);
  }
}
const log = open();

async function append(offset: number, fence: number): Promise<string> {
  try {
    const entry = { ...messageEntry(offset), payload: Buffer.alloc(bytes, "x") };
    const result = await log.append({ channel: "C1", slot: 1, fence, entries: [entry] });
    return result.ok ? String(offset) : result.reason;
  } catch (error) {
    return (error as Error).name;
  }
}

for await (const line of createInterface(process.stdin)) {
  const [verb, ...numbers] = line.split(" ");
  const [first = 0, second = 0, fence = 0] = numbers.map(Number);
  if (verb === "claim") say(String(await log.claim(1, "child")));
  else if (verb === "append") {
    for (const result of await Promise.all(Array.from({ length: second }, (_, i) => append(first + i, fence)))) say(result);
  } else if (verb === "flood") {
    // Ever 16 on their way, so that the kill meets commits and syncs.
    for (let next = first; ; next += 16) {
      await Promise.all(Array.from({ length: 16 }, async (_, i) => say(await append(next + i, second))));
    }
  } else if (verb === "hold") {
    const env = Environment.open(folder);
    await env.write(() => {
      say("holding");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, first);
    });
    say("released");
    await env.close();
  } else if (verb === "persist") {
    for (;;) {
      const claim = log.claim(1, "child").then(String, (error: Error) => error.name).then(say);
      await Promise.race([claim, new Promise((done) => setTimeout(done, 300))]);
      await log.claimed(1).catch(() => undefined);
    }
  } else if (verb === "churn") {
    const lane = async (slot: number): Promise<never> => {
      for (;;) {
        await new Promise((done) => setTimeout(done, Math.random() * 4));
        say(String(await log.claim(slot, "child")));
      }
    };
    await Promise.all(Array.from({ length: 6 }, (_, i) => lane(100 + i)));
  }
}
await log.close();
