/** A presence server: runs the effects of its real state as services/presence/server.ts does. */
import type { Effect, Event } from "../../../services/presence/events.ts";
import { Presence } from "../../../services/presence/state.ts";
import type { Choice } from "../../../services/protocol/choice.ts";
import type { LinkFrame } from "../../../services/protocol/link.ts";
import type { PresenceInfo } from "../../../services/protocol/mesh.ts";
import type { Side } from "../connection.ts";
import { upgraded, type Door, type LinkMessage, type Reply } from "../door.ts";
import type { Process, Timer } from "../process.ts";
import { describeLink } from "../story.ts";
import type { World } from "../world.ts";
import { follow, keepRegistered, type Registration } from "./follow.ts";

/** The presence server's own defaults (services/presence/config.ts). */
const options = { graceMs: 5_000, settleMs: 2_000, linkSilenceMs: 3_000, maxUsers: 1_000_000, maxWatches: 5_000_000 };

export class PresenceServer implements Door {
  readonly id: string;
  readonly process: Process;
  readonly state: Presence;
  readonly #world: World;
  readonly #addr: string;
  readonly #deregister: (done: () => void) => void;
  readonly #links = new Map<number, { readonly side: Side<LinkMessage>; readonly outbox: LinkFrame[] }>();
  readonly #askers = new Map<number, Reply<PresenceInfo>>();
  #lastLink = 0;
  #lastReq = 0;
  #timer: Timer | undefined;

  constructor(world: World, process: Process, registration: Registration) {
    this.#world = world;
    this.process = process;
    this.id = registration.id;
    this.#addr = registration.addr;
    this.state = new Presence({ id: this.id, ...options });
    world.doors.set(registration.addr, this);
    process.onDeath(() => this.#close());
    follow(world, process, (ring) => this.#tell({ type: "topology", ring }));
    this.#deregister = keepRegistered(world, process, registration);
  }

  link(side: Side<LinkMessage>): void {
    const link = ++this.#lastLink;
    this.#links.set(link, { side, outbox: [] });
    side.handlers = {
      data: (message) => message !== upgraded && this.#tell({ type: "linkFrames", link, frames: message }),
      closed: () => {
        if (this.#links.delete(link)) this.#tell({ type: "linkClosed", link });
      },
    };
    this.#tell({ type: "linkOpened", link });
  }

  presence(user: string, choice: Choice | undefined, reply: Reply<PresenceInfo>): void {
    const req = ++this.#lastReq;
    this.#askers.set(req, reply);
    this.#tell(choice === undefined ? { type: "get", req, user } : { type: "put", req, user, choice });
  }

  /** SIGTERM. @param done the process has ended */
  stop(done: () => void): void {
    this.#deregister(() => {
      for (const { side } of this.#links.values()) side.close();
      done();
    });
  }

  #close(): void {
    if (this.#world.doors.get(this.#addr) === this) this.#world.doors.delete(this.#addr);
  }

  #now(): number {
    return this.#world.steadyClock(this.id);
  }

  #tell(event: Event): void {
    for (const effect of this.state.step(event, this.#now())) this.#run(effect);
    for (const { side, outbox } of this.#links.values()) if (outbox.length > 0) side.send(outbox.splice(0));
    if (this.#timer !== undefined) this.#timer.run = undefined;
    const at = this.state.wakeAt();
    this.#timer = at === undefined ? undefined : this.process.after(Math.max(0, at - this.#now()), () => this.#tell({ type: "tick" }));
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "send": {
        const link = this.#links.get(effect.link);
        link?.outbox.push(effect.frame);
        return this.#world.trace.line(() => describeLink(this.id, link?.side.peer.process.name ?? "?", effect.frame));
      }
      case "close": {
        const link = this.#links.get(effect.link);
        this.#links.delete(effect.link);
        if (link === undefined) return;
        if (link.outbox.length > 0) link.side.send(link.outbox.splice(0));
        return link.side.close();
      }
      case "answer":
        this.#askers.get(effect.req)?.({ status: 200, value: effect.info });
        return void this.#askers.delete(effect.req);
      case "refuse":
        this.#askers.get(effect.req)?.({ status: 503 });
        return void this.#askers.delete(effect.req);
      default:
        return effect satisfies never;
    }
  }
}
