/** Questions of which only the newest counts: an answer that comes late must not stand beside a newer question. */
export class Latest {
  #number = 0;

  /** Begins a question, or drops those that are under way. @returns whether it is the newest still */
  next(): () => boolean {
    const own = ++this.#number;
    return () => own === this.#number;
  }
}
