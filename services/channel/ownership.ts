import type { Emit, RingView } from "./events.ts";

/** How long a probe's verdict counts, ms. */
export const verdictMs = 250;
/** How long a slot that another server has fenced is left alone, ms: whoever is wrong learns the truth meanwhile. */
const lostMs = 250;

export type Decision =
  /** `ahead`: the servers that come before this one and are gone; none for the owner by topology */
  | { readonly type: "mine"; readonly ahead: readonly string[] }
  | { readonly type: "probing" }
  | { readonly type: "other" };

/**
 * Whether a slot is this server's to claim (DESIGN 2, 5): it is the owner by topology, or in the preference list and
 * every server ahead of it is gone by this server's own evidence: nothing listens at its address, or its check is critical.
 */
export class Ownership {
  readonly #self: string;
  readonly #emit: Emit;
  readonly #verdicts = new Map<string, { readonly gone: boolean; readonly at: number }>();
  readonly #probing = new Set<string>();
  readonly #lostAt = new Map<number, number>();
  /** slot → epoch of a newer topology, by which its owner has handed it to this server */
  readonly #granted = new Map<number, number>();
  #critical: ReadonlySet<string> = new Set();
  #ring: RingView | undefined;

  constructor(self: string, emit: Emit) {
    this.#self = self;
    this.#emit = emit;
  }

  /** 0 before the first topology */
  get epoch(): number {
    return this.#ring?.epoch ?? 0;
  }

  get known(): boolean {
    return this.#ring !== undefined;
  }

  adopt(ring: RingView): void {
    this.#ring = ring;
    this.#lostAt.clear();
    for (const [slot, epoch] of this.#granted) if (epoch <= ring.epoch) this.#granted.delete(slot);
  }

  /** The slot's owner says that it is this server's by a topology that has not come here yet. */
  grant(slot: number, epoch: number): void {
    if (epoch > this.epoch) this.#granted.set(slot, epoch);
  }

  /** Whom to ask instead: the slot's first server that isn't this one, "" where there is none. */
  elsewhere(slot: number): string {
    return this.successor(slot)?.id ?? "";
  }

  successor(slot: number): { readonly id: string; readonly addr: string } | undefined {
    return this.#preference(slot).find(({ id }) => id !== this.#self);
  }

  /** Emits the probes that an answer still needs; ask again when they are `probed`. */
  decide(slot: number, now: number): Decision {
    if (this.#granted.has(slot) && !this.#isLost(slot, now)) return { type: "mine", ahead: [] };
    const list = this.#preference(slot);
    const index = list.findIndex(({ id }) => id === this.#self);
    if (index < 0 || this.#isLost(slot, now)) return { type: "other" };
    const ahead = list.slice(0, index);
    const unknown = ahead.filter(({ id }) => !this.#critical.has(id) && !this.#fresh(id, now));
    if (ahead.some(({ id }) => this.#fresh(id, now) && !this.isGone(id))) return { type: "other" };
    for (const { id, addr } of unknown) this.#probe(id, addr);
    return unknown.length > 0 ? { type: "probing" } : { type: "mine", ahead: ahead.map(({ id }) => id) };
  }

  /** Whether a slot that is held may stay held under the present topology. @returns the servers ahead of this one, or undefined */
  retained(slot: number): readonly string[] | undefined {
    if (this.#granted.has(slot)) return [];
    const list = this.#preference(slot).map(({ id }) => id);
    const index = list.indexOf(this.#self);
    if (index < 0) return undefined;
    const ahead = list.slice(0, index);
    return ahead.every((id) => this.isGone(id)) ? ahead : undefined;
  }

  /** By the last evidence, however old. */
  isGone(server: string): boolean {
    return this.#critical.has(server) || this.#verdicts.get(server)?.gone === true;
  }

  /** Probes again the servers whose slots this one has taken over. */
  recheck(slot: number, now: number): void {
    for (const { id, addr } of this.#preference(slot)) {
      if (id === this.#self) return;
      if (!this.#fresh(id, now)) this.#probe(id, addr);
    }
  }

  probed(server: string, gone: boolean, now: number): void {
    this.#probing.delete(server);
    this.#verdicts.set(server, { gone, at: now });
  }

  /** The registry's word, in place of its last one. A stopped process still has its port: only its check tells. */
  health(critical: ReadonlySet<string>): void {
    // A verdict of before says nothing about one that is back.
    for (const id of this.#critical) if (!critical.has(id)) this.#verdicts.delete(id);
    this.#critical = critical;
  }

  /** Another server has claimed the slot. */
  lost(slot: number, now: number): void {
    this.#lostAt.set(slot, now);
  }

  #fresh(server: string, now: number): boolean {
    const verdict = this.#verdicts.get(server);
    return verdict !== undefined && now - verdict.at < verdictMs;
  }

  #isLost(slot: number, now: number): boolean {
    const at = this.#lostAt.get(slot);
    return at !== undefined && now - at < lostMs;
  }

  #probe(server: string, addr: string): void {
    if (this.#probing.has(server)) return;
    this.#probing.add(server);
    this.#emit({ type: "probe", server, addr });
  }

  #preference(slot: number): readonly { readonly id: string; readonly addr: string }[] {
    return this.#ring?.preferenceOfSlot("channel", slot) ?? [];
  }
}
