/** A channel server: runs the effects of its real state as services/channel/server.ts does. */
import type { Effect, Event, Released, Reply as Answered } from "../../../services/channel/events.ts";
import { readSteps, type ReadAnswer } from "../../../services/channel/reads.ts";
import { ChannelState } from "../../../services/channel/state.ts";
import type { LinkFrame } from "../../../services/protocol/link.ts";
import type { Publish } from "../../../services/protocol/mesh.ts";
import { problems } from "../../../services/protocol/problems.ts";
import type { Side } from "../connection.ts";
import { upgraded, type Door, type LinkMessage, type PublishedAt, type Reply } from "../door.ts";
import { describeLink } from "../story.ts";
import type { Process, Timer } from "../process.ts";
import type { MemoryLog } from "../../../services/store/memory-log.ts";
import type { World } from "../world.ts";
import { follow, followHealth, keepRegistered, type Registration } from "./follow.ts";

const probeMs = 200;
const handOverMs = 250;
const deregisterMs = 2_000;
const drainMs = 6_000;
const closeMs = 500;
/** A channel server's own defaults (services/channel/config.ts). */
const rates = { channelMessagesPerSecond: 1_000, channelTypingPerSecond: 100, burstSeconds: 10 };

interface Open {
  readonly side: Side<LinkMessage>;
  outbox: LinkFrame[];
}

export class ChannelServer implements Door {
  readonly id: string;
  readonly process: Process;
  readonly state: ChannelState;
  readonly #world: World;
  readonly #addr: string;
  readonly #deregister: (done: () => void) => void;
  readonly #requests = new Map<number, (reply: Answered) => void>();
  readonly #links = new Map<number, Open>();
  #lastRequest = 0;
  #lastLink = 0;
  #timer: Timer | undefined;
  #onDrained: (() => void) | undefined;

  constructor(world: World, process: Process, registration: Registration) {
    this.#world = world;
    this.process = process;
    this.id = registration.id;
    this.#addr = registration.addr;
    this.state = new ChannelState({ server: this.id, slotOf: (id) => world.ring.slotOf(id), ...rates });
    world.doors.set(registration.addr, this);
    process.onDeath(() => this.#close());
    follow(world, process, (ring) => this.#take({ type: "topology", ring }));
    followHealth(world, process, (critical) => this.#take({ type: "health", critical }));
    this.#deregister = keepRegistered(world, process, registration);
  }

  get warm(): number {
    return this.state.warm;
  }

  publish(channel: string, publish: Publish, epoch: number, reply: Reply<PublishedAt>): void {
    const req = ++this.#lastRequest;
    this.#requests.set(req, (answer) => {
      if (answer.type === "published") reply({ status: answer.published.duplicate ? 200 : 201, value: answer.published });
      else if (answer.type === "refused") reply({ status: problems[answer.reason][0] });
      else reply({ status: 500 });
    });
    this.#take({ type: "request", req, channel, epoch, ask: { type: "publish", publish, trace: "", bytes: 0 } });
  }

  /** POST /v1/releases */
  released(epoch: number, slots: readonly Released[], reply: () => void): void {
    const req = ++this.#lastRequest;
    this.#requests.set(req, reply);
    this.#take({ type: "released", req, epoch, slots });
  }

  link(side: Side<LinkMessage>): void {
    const link = ++this.#lastLink;
    this.#links.set(link, { side, outbox: [] });
    side.handlers = {
      data: (message) => {
        if (message !== upgraded) for (const frame of message) this.#step({ type: "linkFrame", link, frame });
        this.#flush();
      },
      closed: () => {
        if (this.#links.delete(link)) this.#take({ type: "linkClosed", link });
      },
    };
    this.#take({ type: "linkOpened", link });
  }

  /** SIGTERM. @param done the process has ended */
  stop(done: () => void): void {
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      this.#close();
      const drained = (): void => {
        late.run = undefined;
        for (const { side } of this.#links.values()) side.close();
        this.process.after(this.#links.size > 0 ? closeMs : 0, done);
      };
      const late = this.process.after(drainMs, drained);
      this.#onDrained = drained;
      this.#take({ type: "stop" });
    };
    this.#deregister(leave);
    this.process.after(deregisterMs, leave);
  }

  #close(): void {
    if (this.#world.doors.get(this.#addr) === this) this.#world.doors.delete(this.#addr);
  }

  #take(event: Event): void {
    this.#step(event);
    this.#flush();
  }

  #step(event: Event): void {
    for (const effect of this.state.step(event, Math.floor(this.#world.clock(this.id)), this.#world.kernel.now)) this.#run(effect);
  }

  #flush(): void {
    for (const { side, outbox } of this.#links.values()) if (outbox.length > 0) side.send(outbox.splice(0));
  }

  #send(link: number, frame: LinkFrame): void {
    const open = this.#links.get(link);
    if (open === undefined) return;
    open.outbox.push(frame);
    this.#world.trace.line(() => describeLink(this.id, open.side.peer.process.name, frame));
  }

  #run(effect: Effect): void {
    const { store, net, trace, doors } = this.#world;
    const { id, process } = this;
    switch (effect.type) {
      case "claim":
        trace.line(() => `${id} → store  claim slot ${effect.slot}`);
        return store.write(process, () => this.#world.monitor.claim(process.name, effect.slot, id), (fence) => this.#take({ type: "claimed", slot: effect.slot, fence }));
      case "check": {
        const { check, slots } = effect;
        return store.read(process, (log) => new Map(slots.map((slot) => [slot, log.claimed(slot).fence])), (fences) => this.#take({ type: "checked", check, slots, fences }));
      }
      case "load":
        return store.read(process, (log) => log.head(effect.channel), (found) =>
          this.#take({ type: "loaded", channel: effect.channel, load: effect.load, head: found?.head, lastTs: found?.lastTs ?? "" }),
        );
      case "lookup": {
        const { channel, lookup, keys, messages } = effect;
        return store.read(
          process,
          (log) => ({
            keys: present(keys.map((key) => [key, log.byKey(channel, key)] as const)),
            messages: present(messages.map((ts) => [ts, log.message(channel, ts)] as const)),
          }),
          (result) => this.#take({ type: "lookedUp", channel, lookup, found: result }),
        );
      }
      case "append": {
        const { channel, append, slot, fence, lastTs, entries } = effect;
        trace.line(() => `${id} → store  append ${channel} ${span(entries)} with fence ${fence}`);
        return store.write(process, () => this.#world.monitor.append(process.name, { channel, slot, fence, lastTs, entries }), (result) => {
          trace.line(() => `store → ${id}  ${channel} ${span(entries)} ${result === undefined ? "unavailable" : result.ok ? "durable" : result.reason}`);
          this.#take({ type: "appended", channel, append, result: result === undefined ? "unavailable" : result.ok ? "ok" : result.reason });
        });
      }
      case "probe": {
        // A connection is made also to a process that is stopped.
        const timer = process.after(probeMs, () => answer(false));
        const answer = (gone: boolean): void => {
          if (timer.run === undefined) return;
          timer.run = undefined;
          trace.line(() => `${id}  probes ${effect.server}: ${gone ? "gone" : "no evidence that it is gone"}`);
          this.#take({ type: "probed", server: effect.server, gone });
        };
        const path = [id, this.#world.placeOf(effect.addr)];
        return net.send(path, () => {
          const gone = doors.get(effect.addr)?.process.alive !== true;
          net.send([...path].reverse(), () => process.post(() => answer(gone)));
        });
      }
      case "handOver": {
        const { release, addr, epoch, slots } = effect;
        const to = this.#world.placeOf(addr);
        trace.line(() => `${id} → ${to}  hands over ${slots.flatMap(([, channels]) => channels).join(" ")}`);
        const over = (): void => this.#take({ type: "handedOver", release });
        const handle = (reply: (value: true) => void): void => {
          const server = doors.get(addr);
          if (server instanceof ChannelServer) server.released(epoch, slots, () => reply(true));
        };
        return net.call<true>(process, [id, to], () => doors.get(addr)?.process, handle, { timeoutMs: handOverMs }, over);
      }
      case "replay": {
        const { link, sub, channel, after, limit } = effect;
        if (!this.#links.has(link)) return;
        return store.read(process, (log) => log.after(channel, after, limit), (entries) => this.#take({ type: "replayed", channel, sub, entries }));
      }
      case "read": {
        const { link, channel } = effect;
        if (!this.#links.has(link)) return;
        const answer = (log: Pick<MemoryLog, "after">): ReadAnswer => {
          const steps = readSteps(effect, this.#world.clock(id));
          let step = steps.next();
          while (step.done !== true) step = steps.next(log.after(channel, step.value.after, step.value.limit));
          return step.value;
        };
        return store.read(process, answer, (frame) => {
          this.#send(link, frame ?? { type: "refused", req: effect.req, reason: "store_unavailable", detail: "", retryAfterMs: 0 });
          this.#flush();
        });
      }
      case "answer":
        this.#requests.get(effect.req)?.(effect.reply);
        return void this.#requests.delete(effect.req);
      case "send":
        return this.#send(effect.link, effect.frame);
      case "close": {
        this.#flush();
        const open = this.#links.get(effect.link);
        this.#links.delete(effect.link);
        return open?.side.close();
      }
      case "wake":
        if (this.#timer !== undefined) this.#timer.run = undefined;
        this.#timer = process.after(Math.max(0, effect.at - this.#world.kernel.now), () => this.#take({ type: "tick" }));
        return;
      case "traced":
        return; // nobody traces
      case "drained":
        return this.#onDrained?.();
      default:
        return effect satisfies never;
    }
  }
}

function present<T>(pairs: readonly (readonly [string, T | undefined])[]): Map<string, T> {
  return new Map(pairs.filter((pair): pair is readonly [string, T] => pair[1] !== undefined));
}

function span(entries: readonly { readonly offset: number }[]): string {
  const [first, last] = [entries[0]!.offset, entries.at(-1)!.offset];
  return first === last ? String(first) : `${first}–${last}`;
}
