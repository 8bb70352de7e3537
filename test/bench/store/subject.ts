/**
 * One engine under load, in a process of its own: `subject.ts <engine> <kind> <place>`. Told over IPC to run so many
 * writers for so long; each waits for the durable ack of its append before it makes the next.
 */
import { openBare } from "./bare.ts";
import { openOurs } from "./ours.ts";
import type { Kind } from "./workload.ts";

export interface Turn {
  readonly writers: number;
  readonly ms: number;
}

export interface Sample {
  readonly perS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of this process per append, all threads */
  readonly cpuUs: number;
}

const [engine = "", kind = "", place = ""] = process.argv.slice(2);
const append = await (kind === "ringway" ? openOurs(engine, place) : openBare(engine, kind as Exclude<Kind, "ringway">, place));

async function run({ writers, ms }: Turn): Promise<Sample> {
  const took: number[] = [];
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + ms;
  const write = async (writer: number): Promise<void> => {
    for (let now = performance.now(); now < end; ) {
      await append(writer);
      const after = performance.now();
      took.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const elapsedMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  const sorted = Float64Array.from(took).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { perS: (took.length / elapsedMs) * 1_000, p50Ms: at(0.5), p99Ms: at(0.99), cpuUs: (user + system) / took.length };
}

process.on("message", (turn: Turn) => {
  run(turn).then(
    (sample) => process.send!(sample),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
process.send!("ready");
