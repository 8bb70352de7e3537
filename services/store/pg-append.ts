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
  /** channel → its appends, in order; the channels in the order in which every batch locks them */
  readonly #runs: ReadonlyMap<string, readonly Append[]>;

  /** @param jobs as `gatherAppends` chose them */
  constructor(jobs: readonly AppendJob[]) {
    this.#jobs = jobs;
    const runs = new Map<string, Append[]>();
    for (const { append } of jobs) {
      const run = runs.get(append.channel);
      if (run === undefined) runs.set(append.channel, [append]);
      else run.push(append);
    }
    this.#runs = new Map([...runs].sort(([a, [first]], [b, [second]]) => first!.slot - second!.slot || (a < b ? -1 : 1)));
  }

  /** The parameters of `ringway.append`. */
  values(): unknown[] {
    const runs = [...this.#runs.values()];
    const firsts = runs.map((run) => run[0]!);
    const heads = runs.map((run) => run.at(-1)!.entries.at(-1)!);
    const entries = runs.flatMap((run, i) => run.flatMap((append) => append.entries.map((entry) => [i + 1, append.channel, entry] as const)));
    const changes = new Map<string, readonly [run: number, channel: string, ts: string, message: Uint8Array | null]>();
    for (const [run, channel, { ts, view }] of entries) {
      // The last one holds.
      if (view !== undefined && !posts(ts, view)) changes.set(`${channel} ${tsKey(view.ts)}`, [run, channel, tsKey(view.ts), view.message]);
    }
    const changed = [...changes.values()];
    return [
      firsts.map(({ channel }) => channel),
      firsts.map(({ slot }) => slot),
      firsts.map(({ fence }) => fence),
      firsts.map(({ lastTs }) => lastTs ?? null),
      firsts.map((append) => append.entries[0]!.offset),
      firsts.map((append) => tsKey(append.entries[0]!.ts)),
      heads.map(({ offset }) => offset),
      heads.map(({ ts }) => ts),
      heads.map(({ ts }) => tsKey(ts)),
      entries.map(([run]) => run),
      entries.map(([, channel]) => channel),
      entries.map(([, , { offset }]) => offset),
      entries.map(([, , { ts }]) => ts),
      entries.map(([, , { kind }]) => kind),
      entries.map(([, , { origin }]) => origin),
      entries.map(([, , { key }]) => Buffer.from(key)),
      entries.map(([, , { payload }]) => asBuffer(payload)),
      entries.map(([, , { ts, view }]) => (view !== undefined && posts(ts, view) ? asBuffer(view.message!) : null)),
      changed.map(([run]) => run),
      changed.map(([, channel]) => channel),
      changed.map(([, , ts]) => ts),
      changed.map(([, , , message]) => (message === null ? null : asBuffer(message))),
    ];
  }

  /**
   * @param results of `ringway.append`
   * @returns one for each job; undefined: it must be asked again
   */
  answers(results: readonly number[]): (Appended | undefined)[] {
    const resultOf = new Map([...this.#runs.keys()].map((channel, i) => [channel, results[i] ?? 0]));
    return this.#jobs.map((job) => {
      const { channel } = job.append;
      const result = resultOf.get(channel)!;
      if (result === 0) return { ok: true };
      if (result === 1) return { ok: false, reason: "fenced" };
      if (this.#runs.get(channel)!.length === 1) return { ok: false, reason: "conflict" };
      job.alone = true;
      return undefined;
    });
  }
}

/** Whether an entry's view is the message that it posts. */
function posts(ts: string, view: NonNullable<Entry["view"]>): boolean {
  return view.message !== null && view.ts === ts && tsKey(ts) === ts;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
