/** How events travelled: a histogram of each hop for all, and the whole way for sessions that asked to be told (`x_journeys`). */
import { NO_ORIGIN, type Link as Frame } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import { microsOf } from "../runtime/clock.ts";
import { journey } from "./client-frames.ts";
import type { Core } from "./core.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscriptions.ts";

export class Journeys {
  readonly #core: Core;
  readonly #askers = new Set<Session>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Where too many ask, the last are not told: it is for people who look. */
  add(session: Session): void {
    if (session.ticketed?.journeys === true && this.#askers.size < limits.journeySessions) this.#askers.add(session);
  }

  remove(session: Session): void {
    this.#askers.delete(session);
  }

  /** A client event that came as it happened: what is read from the store has no journey. */
  onEvent(sub: Subscription, { offset, taken, received, stored, trace }: Frame<"event">): void {
    if (stored === 0) return;
    const arrived = microsOf(this.#core.wallMs);
    const { times } = this.#core;
    if (taken > 0) times.toOwner.observe((received - taken) / 1_000);
    times.atOwner.observe((stored - received) / 1_000);
    times.toGateway.observe((arrived - stored) / 1_000);
    if (trace !== "") this.#core.emit({ type: "traced", channel: sub.channel, offset, trace, stored, arrived, sessions: sub.live.size });
    if (this.#askers.size === 0) return;
    const to = [...this.#askers].filter(({ members }) => members.get(sub.channel)?.mode === "live").map(({ id }) => id);
    if (to.length === 0) return;
    const { ring, options } = this.#core;
    const text = journey({ channel: sub.channel, offset, server: sub.link?.server ?? "", slot: ring?.slotOf(sub.channel) ?? 0, epoch: ring?.epoch ?? 0, gateway: options.id, taken, received, stored, arrived });
    this.#core.emit({ type: "deliver", to, events: [{ payload: new TextEncoder().encode(text), origin: NO_ORIGIN }], transient: true });
  }
}
