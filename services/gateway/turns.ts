import type { SessionId } from "./events.ts";

/** Lets at most so many tasks of one session go on at a time; the others wait in the order they came. */
export class Turns<Task extends { readonly session: SessionId }> {
  readonly #atOnce: number;
  readonly #bySession = new Map<SessionId, { readonly busy: Set<Task>; readonly waiting: Set<Task> }>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** @returns whether the task may go on; if not, it waits and `next` hands it out */
  begin(task: Task): boolean {
    let turns = this.#bySession.get(task.session);
    if (turns === undefined) this.#bySession.set(task.session, (turns = { busy: new Set(), waiting: new Set() }));
    if (turns.busy.has(task)) return true;
    if (turns.busy.size >= this.#atOnce) {
      turns.waiting.add(task);
      return false;
    }
    turns.busy.add(task);
    return true;
  }

  /** The task is over, or can't go on now. */
  end(task: Task): void {
    const turns = this.#bySession.get(task.session);
    turns?.waiting.delete(task);
    turns?.busy.delete(task);
    if (turns?.busy.size === 0 && turns.waiting.size === 0) this.#bySession.delete(task.session);
  }

  /** A task that waited and may try its `begin` again; undefined when there is none, or no room. */
  next(session: SessionId): Task | undefined {
    const turns = this.#bySession.get(session);
    if (turns === undefined || turns.busy.size >= this.#atOnce) return undefined;
    const [task] = turns.waiting;
    if (task !== undefined) turns.waiting.delete(task);
    return task;
  }

  /** The session is over. */
  forget(session: SessionId): void {
    this.#bySession.delete(session);
  }
}
