/** Whose presence dots are before the reader's eyes: only these are watched, however many there are. */

/** As many as one may watch. */
const watchMost = 500;
/** Scrolling changes much and often. */
const settleMs = 100;

export class VisibleUsers {
  readonly #observer: IntersectionObserver;
  readonly #tell: (users: readonly string[]) => void;
  readonly #userOf = new Map<Element, string>();
  readonly #visible = new Set<Element>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (users: readonly string[]) => void) {
    this.#tell = tell;
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#visible.add(target);
        else this.#visible.delete(target);
      }
      this.#later();
    });
  }

  /** @returns ends it */
  observe(element: Element, user: string): () => void {
    this.#userOf.set(element, user);
    this.#observer.observe(element);
    return () => {
      this.#observer.unobserve(element);
      this.#userOf.delete(element);
      this.#visible.delete(element);
      this.#later();
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const users = new Set([...this.#visible].map((element) => this.#userOf.get(element)!));
      this.#tell([...users].slice(0, watchMost));
    }, settleMs);
  }
}
