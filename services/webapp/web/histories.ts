/** The timelines of the channels, and the pages of their history that are on their way. */
import type { RingwayClient, StoredEvent } from "@ringway/client";
import { readHistory } from "./reads.ts";
import { empty, withEvent, withLatest, withPage, type Timeline } from "./timeline.ts";

export class Histories {
  readonly timelines = new Map<string, Timeline>();
  readonly #client: RingwayClient;
  readonly #changed: () => void;
  /** channel → what happened there while a page of its history is on its way: the page may be older or newer than that */
  readonly #during = new Map<string, StoredEvent[]>();
  /** where somebody has scrolled up */
  #lookedBack: string | undefined;

  constructor(client: RingwayClient, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  isReading(channel: string): boolean {
    return this.#during.has(channel);
  }

  change(channel: string, to: (timeline: Timeline) => Timeline): void {
    const next = to(this.timelines.get(channel) ?? empty);
    // A page that is on its way belongs right before what is there now.
    const isKept = channel === this.#lookedBack || this.isReading(channel);
    this.timelines.set(channel, isKept ? next : withLatest(next));
    this.#changed();
  }

  happened(channel: string, event: StoredEvent): void {
    this.#during.get(channel)?.push(event);
    if (this.timelines.has(channel)) this.change(channel, (timeline) => withEvent(timeline, event));
    else this.#changed();
  }

  /** While somebody looks back, all that they have read is kept. */
  lookBack(channel: string, looks: boolean): void {
    if (looks) this.#lookedBack = channel;
    else if (this.#lookedBack === channel) {
      this.#lookedBack = undefined;
      if (this.timelines.has(channel)) this.change(channel, (timeline) => timeline);
    }
  }

  /** One more page towards the past. @throws RingwayError */
  async older(channel: string): Promise<void> {
    await this.#read(channel, this.timelines.get(channel)?.stored[0]?.ts ?? "", (timeline) => timeline);
  }

  /** From the newest page on; what waits to be sent stays. @throws RingwayError */
  async newest(channel: string): Promise<void> {
    const from = performance.now();
    await this.#read(channel, "", ({ stored, mine }) => ({ ...empty, stored: stored.filter(({ ackedAt = 0 }) => ackedAt > from), mine }));
  }

  forget(channel: string): void {
    this.timelines.delete(channel);
    this.#during.delete(channel);
  }

  /** @param base what of the timeline the page is put to */
  async #read(channel: string, before: string, base: (timeline: Timeline) => Timeline): Promise<void> {
    const during: StoredEvent[] = [];
    this.#during.set(channel, during);
    // It counts unless the channel was left, or is read anew.
    const counts = (): boolean => this.#during.get(channel) === during;
    try {
      const { messages, hasMore } = await readHistory(this.#client, channel, before);
      // Told twice is told once: an edit sets the text, a reaction is its user's.
      if (counts()) this.change(channel, (timeline) => during.reduce(withEvent, withPage(base(timeline), messages, hasMore)));
    } finally {
      if (counts()) {
        this.#during.delete(channel);
        this.change(channel, (timeline) => timeline);
      }
    }
  }
}
