import type { Emit, Released } from "./events.ts";

/** Channels named in one message; those beyond that are loaded when they are asked for. */
const channelsMax = 2_000;

/** What is offered to the next owners: gathered by address while an event is handled, then sent together. */
export class Releases<Slot> {
  readonly #host: { readonly emit: Emit; nextId(): number };
  #ready = new Map<string, { readonly slot: Slot; readonly released: Released }[]>();
  readonly #sent = new Map<number, readonly Slot[]>();

  constructor(host: { readonly emit: Emit; nextId(): number }) {
    this.#host = host;
  }

  add(addr: string, slot: Slot, [number, channels]: Released): void {
    const list = this.#ready.get(addr) ?? [];
    list.push({ slot, released: [number, channels.slice(0, channelsMax)] });
    this.#ready.set(addr, list);
  }

  flush(epoch: number): void {
    if (this.#ready.size === 0) return;
    const ready = this.#ready;
    this.#ready = new Map();
    for (const [addr, list] of ready) {
      for (let from = 0, to = 0; from < list.length; from = to) {
        let channels = 0;
        while (to < list.length && (to === from || channels + list[to]!.released[1].length <= channelsMax)) channels += list[to++]!.released[1].length;
        const part = list.slice(from, to);
        const release = this.#host.nextId();
        this.#sent.set(release, part.map(({ slot }) => slot));
        this.#host.emit({ type: "handOver", release, addr, epoch, slots: part.map(({ released }) => released) });
      }
    }
  }

  /** The slots of an offer that is settled. */
  take(release: number): readonly Slot[] {
    const slots = this.#sent.get(release) ?? [];
    this.#sent.delete(release);
    return slots;
  }
}
