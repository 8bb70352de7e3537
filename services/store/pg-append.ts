/** Many appends as one statement: which may go together, and the arrays that `ringway.append` (pg-functions.ts) takes. */
import type { Append, Appended, Entry } from "./log.ts";
import { tsKey } from "./ts.ts";

export interface AppendJob {
  readonly append: Append;
  /** together with others of its channel it was refused: whose fault that is shows when each goes by itself */
  alone: boolean;
}

/** Bounds of one batch. */
const most = { appends: 256, bytes: 1024 * 1024 };

/**
 * Those of the queue that go in one batch. The appends to one channel make a run, which is kept whole or refused whole: only what surely
 * follows the one before joins it, and what can't waits, with all of its channel that is behind it.
 */
export function gatherAppends(queue: readonly AppendJob[]): number[] {
  const runs = new Map<string, Tail>();
  const waiting = new Set<string>();
  const chosen: number[] = [];
  let bytes = 0;
  for (const [at, job] of queue.entries()) {
    const { channel } = job.append;
    if (waiting.has(channel)) continue;
    const tail = runs.get(channel);
    if (tail !== undefined && (job.alone || !tail.takes(job))) waiting.add(channel);
    else {
      bytes += sizeOf(job.append);
      if (chosen.length > 0 && bytes > most.bytes) break;
      if (tail === undefined) runs.set(channel, new Tail(job));
      chosen.push(at);
      if (chosen.length === most.appends) break;
    }
  }
  return chosen;
}

/** The end of a run that is being made. */
class Tail {
  readonly #keys = new Set<string>();
  readonly #alone: boolean;
  #append: Append;

  constructor({ append, alone }: AppendJob) {
    this.#alone = alone;
    this.#append = append;
    this.#keep(append);
  }

  /** Adds the append where it follows. */
  takes({ append }: AppendJob): boolean {
    const last = this.#append.entries.at(-1)!;
    const [first] = append.entries;
    const follows = append.slot === this.#append.slot && append.fence === this.#append.fence && first!.offset === last.offset + 1 && tsKey(first!.ts) > tsKey(last.ts);
    if (this.#alone || !follows || (append.lastTs !== undefined && append.lastTs !== last.ts)) return false;
    if (append.entries.some(({ key }) => this.#keys.has(key))) return false;
    this.#keep(append);
    return true;
  }

  #keep(append: Append): void {
    this.#append = append;
    for (const { key } of append.entries) this.#keys.add(key);
  }
}

function sizeOf({ entries }: Append): number {
  return entries.reduce((sum, { payload, view }) => sum + payload.length + (view?.message?.length ?? 0), 0);
}

/** A batch: what goes to the database, and what its answer means. */
export class AppendBatch {
  readonly #jobs: readonly AppendJob[];
  /** channel → number of its run, from 1 */
  readonly #runs = new Map<string, number>();

  /** @param jobs as `gatherAppends` chose them */
  constructor(jobs: readonly AppendJob[]) {
    this.#jobs = jobs;
    for (const { append } of jobs) if (!this.#runs.has(append.channel)) this.#runs.set(append.channel, this.#runs.size + 1);
  }

  /** The parameters of `ringway.append`. */
  values(): unknown[] {
    const firsts: Append[] = [];
    const lasts: Entry[] = [];
    const entries: (readonly [run: number, channel: string, entry: Entry])[] = [];
    const views = new Map<string, readonly [run: number, channel: string, ts: string, message: Uint8Array | null]>();
    for (const { append } of this.#jobs) {
      const run = this.#runs.get(append.channel)!;
      firsts[run - 1] ??= append;
      lasts[run - 1] = append.entries.at(-1)!;
      for (const entry of append.entries) {
        entries.push([run, append.channel, entry]);
        if (entry.view === undefined) continue;
        const ts = tsKey(entry.view.ts);
        // The last one holds.
        views.set(`${append.channel} ${ts}`, [run, append.channel, ts, entry.view.message]);
      }
    }
    const shown = [...views.values()];
    return [
      firsts.map(({ channel }) => channel),
      firsts.map(({ slot }) => slot),
      firsts.map(({ fence }) => fence),
      firsts.map(({ lastTs }) => lastTs ?? null),
      firsts.map((append) => append.entries[0]!.offset),
      firsts.map((append) => tsKey(append.entries[0]!.ts)),
      lasts.map(({ offset }) => offset),
      lasts.map(({ ts }) => ts),
      lasts.map(({ ts }) => tsKey(ts)),
      entries.map(([run]) => run),
      entries.map(([, channel]) => channel),
      entries.map(([, , { offset }]) => offset),
      entries.map(([, , { ts }]) => ts),
      entries.map(([, , { kind }]) => kind),
      entries.map(([, , { origin }]) => origin),
      entries.map(([, , { key }]) => Buffer.from(key)),
      entries.map(([, , { payload }]) => asBuffer(payload)),
      shown.map(([run]) => run),
      shown.map(([, channel]) => channel),
      shown.map(([, , ts]) => ts),
      shown.map(([, , , message]) => (message === null ? null : asBuffer(message))),
    ];
  }

  /**
   * @param results of `ringway.append`, one for each run
   * @returns one for each job; undefined: it must be asked again
   */
  answers(results: readonly number[]): (Appended | undefined)[] {
    const sizes = new Map<string, number>();
    for (const { append } of this.#jobs) sizes.set(append.channel, (sizes.get(append.channel) ?? 0) + 1);
    return this.#jobs.map((job) => {
      const { channel } = job.append;
      const result = results[this.#runs.get(channel)! - 1];
      if (result === 0) return { ok: true };
      if (result === 1) return { ok: false, reason: "fenced" };
      if (sizes.get(channel) === 1) return { ok: false, reason: "conflict" };
      job.alone = true;
      return undefined;
    });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
