/** A reader: it only listens, from each channel's beginning on, and writes down every event that comes. */
import { Client, type Frame } from "./client.ts";
import { historyOf } from "./history.ts";
import { textOf, type Happened, type Plan } from "./happened.ts";
import { Repeats } from "./repeats.ts";

export class Reader {
  readonly #number: number;
  readonly #plan: Plan;
  readonly #token: string;
  readonly #note: (event: Happened) => void;
  readonly #client: Client;
  /** channel → last offset that it saw */
  readonly #seen: Record<string, number>;
  readonly #repeats = new Repeats();
  readonly #fetching = new Set<Promise<void>>();

  constructor(number: number, plan: Plan, channels: readonly string[], note: (event: Happened) => void) {
    this.#number = number;
    this.#plan = plan;
    this.#token = plan.tokens[number % plan.tokens.length]!;
    this.#note = note;
    this.#seen = Object.fromEntries(channels.map((channel) => [channel, 0]));
    this.#client = new Client(plan.api, this.#token, {
      offsets: () => {
        this.#repeats.ask();
        return { ...this.#seen };
      },
      connected: (gateway, offsets) => {
        this.#repeats.begin(offsets);
        note({ at: performance.now(), type: "connected", reader: number, gateway });
      },
      lost: (why) => note({ at: performance.now(), type: "lost", reader: number, why }),
      frame: (frame) => this.#frame(frame),
      idle: () => true,
    });
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }

  start(): void {
    this.#client.start();
  }

  /** Whether it saw all up to these offsets, and has nothing left to fetch. */
  hasAll(heads: ReadonlyMap<string, number>): boolean {
    return this.#fetching.size === 0 && [...heads].every(([channel, head]) => this.#seen[channel]! >= head);
  }

  async stop(): Promise<void> {
    await this.#client.stop();
    await Promise.all(this.#fetching);
  }

  #frame(frame: Frame): void {
    const channel = frame["x_chan"] ?? frame["channel"];
    if (typeof channel !== "string" || !Object.hasOwn(this.#seen, channel)) return;
    if (frame["type"] === "x_gap") return this.#gap(channel, frame);
    const { x_off: off, ts, event_ts, type, client_msg_id: key, text } = frame;
    if (typeof off !== "number" || this.#repeats.expected(channel, off, `${String(ts ?? event_ts)} ${String(key)} ${String(text)}`)) return;
    const at = performance.now();
    const place = { at, type: "shown", reader: this.#number, channel, off, ts: String(ts ?? event_ts ?? "") } as const;
    if (type === "message" && typeof key === "string") this.#note({ ...place, key, ...(text === textOf(key) ? {} : { damaged: true as const }) });
    else this.#note(place);
    this.#seen[channel] = Math.max(this.#seen[channel]!, off);
  }

  /** What the plane leaves out has to be read in history. */
  #gap(channel: string, frame: Frame): void {
    this.#repeats.end(channel);
    const after = Math.max(typeof frame["after"] === "number" ? frame["after"] : 0, this.#seen[channel]!);
    const head = Number(frame["head"]);
    this.#note({ at: performance.now(), type: "gap", reader: this.#number, channel, after, head });
    this.#seen[channel] = Math.max(this.#seen[channel]!, head);
    const fetching = historyOf(this.#plan, channel, { after, token: this.#token })
      .then((messages) => {
        for (const { off, key } of messages) {
          if (off > after && off <= head) this.#note({ at: performance.now(), type: "fetched", reader: this.#number, channel, off, ...(key === undefined ? {} : { key }) });
        }
      })
      // What could not be read is missing in the log, and is found missing there.
      .catch(() => undefined)
      .finally(() => this.#fetching.delete(fetching));
    this.#fetching.add(fetching);
  }
}
