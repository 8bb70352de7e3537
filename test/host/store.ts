/** The host's shared data: what all VMs of one process see. */
export class SharedStore {
  readonly #values = new Map<string, { readonly value: Uint8Array; readonly cas: number }>();
  #nextCas = 1;
  /** Called after each write: another VM of another thread that comes in between. */
  afterSet: ((key: string) => void) | undefined;

  get(key: string): { readonly value: Uint8Array; readonly cas: number } | undefined {
    return this.#values.get(key);
  }

  /** @param cas the version that must be there, or 0 for any. @returns false on a mismatch */
  set(key: string, value: Uint8Array, cas: number): boolean {
    const current = this.#values.get(key);
    if (cas !== 0 && current !== undefined && current.cas !== cas) return false;
    this.#values.set(key, { value: Uint8Array.from(value), cas: this.#nextCas++ });
    this.afterSet?.(key);
    return true;
  }

  keys(): string[] {
    return [...this.#values.keys()];
  }
}
