/** Which addresses Envoy is told of, one pool: known before the ring names them, and for a while after. Pure. */
export class Endpoints {
  readonly #settleMs: number;
  readonly #lingerMs: number;
  /** address → when Envoy was told first, and when nobody needed it any more */
  readonly #known = new Map<string, { readonly since: number; unneededAt: number | undefined }>();

  constructor(settleMs: number, lingerMs: number) {
    this.#settleMs = settleMs;
    this.#lingerMs = lingerMs;
  }

  get addresses(): readonly string[] {
    return [...this.#known.keys()].sort();
  }

  /** These were known before this process began. */
  remember(addresses: Iterable<string>): void {
    for (const addr of addresses) this.#known.set(addr, { since: -Infinity, unneededAt: undefined });
  }

  /** Takes the addresses that are registered or in the ring. @returns whether Envoy must be told something new */
  update(needed: ReadonlySet<string>, now: number): boolean {
    let changed = false;
    for (const addr of needed) {
      const entry = this.#known.get(addr);
      if (entry !== undefined) entry.unneededAt = undefined;
      else {
        this.#known.set(addr, { since: now, unneededAt: undefined });
        changed = true;
      }
    }
    for (const [addr, entry] of this.#known) {
      if (needed.has(addr)) continue;
      entry.unneededAt ??= now;
      if (now >= entry.unneededAt + this.#lingerMs) {
        this.#known.delete(addr);
        changed = true;
      }
    }
    return changed;
  }

  /** Since when `addr` may be in the ring; Infinity where Envoy was not told. */
  settledAt(addr: string): number {
    return (this.#known.get(addr)?.since ?? Infinity) + this.#settleMs;
  }

  /** The next time at which `update` drops something. */
  nextDrop(): number {
    let next = Infinity;
    for (const { unneededAt } of this.#known.values()) if (unneededAt !== undefined) next = Math.min(next, unneededAt + this.#lingerMs);
    return next;
  }
}
