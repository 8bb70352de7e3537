/** Runs a pure state: feeds it events one by one, carries its effects out, and wakes it when it wants to be woken. */
import { wallMs } from "./clock.ts";

export interface State<Event, Effect> {
  /**
   * @param now ms of a clock that goes on steadily, for all that has to wait or to end
   * @param wallMs ms since the epoch, for what others are told
   */
  step(event: Event | { readonly type: "tick" }, now: number, wallMs: number): readonly Effect[];
  /** when `tick` is due; undefined: not before another event */
  wakeAt(): number | undefined;
}

export interface Driven<Event> {
  /** Safe to call from within an effect: the event is then taken after this step. */
  tell(event: Event): void;
  /** No tick comes any more. */
  stop(): void;
}

/** @param run carries one effect out; called in the order of the effects, before the next event is taken */
export function drive<Event, Effect>(state: State<Event, Effect>, run: (effect: Effect) => void): Driven<Event> {
  const queue: (Event | { readonly type: "tick" })[] = [];
  let stepping = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let wakeAt = Infinity;
  // Monotonic: a system clock that is set back must not delay anything.
  const now = (): number => performance.timeOrigin + performance.now();

  const arm = (): void => {
    const at = stopped ? Infinity : (state.wakeAt() ?? Infinity);
    if (at >= wakeAt && timer !== undefined) return; // an early tick does no harm
    clearTimeout(timer);
    timer = undefined;
    wakeAt = at;
    if (at === Infinity) return;
    timer = setTimeout(() => {
      timer = undefined;
      tell({ type: "tick" });
    }, Math.max(0, at - now()));
  };

  const tell = (event: Event | { readonly type: "tick" }): void => {
    queue.push(event);
    if (stepping) return;
    stepping = true;
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) for (const effect of state.step(next, now(), wallMs())) run(effect);
    } finally {
      stepping = false;
    }
    arm();
  };

  return {
    tell,
    stop() {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
