import fc from "fast-check";
import { expect, it } from "vitest";
import { AFTER_HEAD, type LinkFrame } from "../protocol/link.ts";
import type { Publish } from "../protocol/mesh.ts";
import { MemoryLog } from "../store/memory-log.ts";
import { readSteps } from "./reads.ts";
import { ChannelState, type Effect, type Event } from "./state.ts";

const startMs = 1_700_000_000_000;
const links = [1, 2];

/** A channel server whose store answers at once; what others see of it is written down. */
class Server {
  readonly shown: string[] = [];
  /** of the messages that were acked, in order */
  readonly ts: string[] = [];
  loads = 0;
  readonly #log = new MemoryLog();
  readonly #state: ChannelState;
  #wallMs = startMs;
  #now = 0;
  #req = 0;

  constructor(idleChannels: number) {
    this.#state = new ChannelState({ server: "cs-1", slotOf: (id) => id.charCodeAt(1) % 2, idleChannels });
    this.#step({ type: "topology", ring: { epoch: 1, preferenceOfSlot: () => [{ id: "cs-1", addr: "cs-1:1" }] } });
    for (const link of links) this.#step({ type: "linkOpened", link });
  }

  get loaded(): number {
    return (this.#state.status() as { channels: number }).channels;
  }

  pass(ms: number): void {
    this.#now += Math.abs(ms);
    this.#wallMs += ms;
    this.#step({ type: "tick" });
  }

  publish(channel: string, publish: Publish): void {
    this.#step({ type: "request", req: ++this.#req, channel, epoch: 0, ask: { type: "publish", publish, bytes: 100, trace: "" } });
  }

  info(channel: string): void {
    this.#step({ type: "request", req: ++this.#req, channel, epoch: 0, ask: { type: "info" } });
  }

  frame(link: number, frame: LinkFrame): void {
    this.#step({ type: "linkFrame", link, frame });
  }

  reopen(link: number): void {
    this.#step({ type: "linkClosed", link });
    this.#step({ type: "linkOpened", link });
  }

  #step(event: Event): void {
    for (const effect of this.#state.step(event, this.#wallMs, this.#now)) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "claim":
        return this.#step({ type: "claimed", slot: effect.slot, fence: this.#log.claim(effect.slot, "cs-1") });
      case "check":
        return this.#step({ ...effect, type: "checked", fences: this.#log.fences(effect.slots) });
      case "load":
        this.loads++;
        return this.#step({ ...effect, type: "loaded", ...this.#log.head(effect.channel) });
      case "lookup": {
        const found = this.#log.find(effect.channel, effect.keys, effect.messages);
        return this.#step({ ...effect, type: "lookedUp", found });
      }
      case "append": {
        const appended = this.#log.append(effect);
        return this.#step({ ...effect, type: "appended", result: appended.ok ? "ok" : appended.reason });
      }
      case "replay":
        return this.#step({ ...effect, type: "replayed", entries: this.#log.after(effect.channel, effect.after, effect.limit) });
      case "read": {
        const steps = readSteps(effect, this.#wallMs);
        let step = steps.next();
        while (step.done !== true) step = steps.next(this.#log.after(effect.channel, step.value.after, step.value.limit));
        return this.#show(step.value);
      }
      case "answer":
        if (effect.reply.type === "published" && effect.reply.published.message !== undefined) this.ts.push(effect.reply.published.ts);
        return this.#show(effect);
      case "wake":
        return;
      default:
        return this.#show(effect);
    }
  }

  #show(what: object): void {
    this.shown.push(JSON.stringify(what, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value)));
  }
}

type Deed = (server: Server) => void;

const channel = fc.constantFrom("C1", "C2", "C3");
const link = fc.constantFrom(...links);
const chan = fc.integer({ min: 1, max: 4 });
const after = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(AFTER_HEAD));
const user = fc.constantFrom("U1", "U2");
const key = fc.constantFrom("a", "b", "c", "d", "e", "f");

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ channel, user, key }).map(({ channel, user, key }): Deed => (server) => server.publish(channel, { kind: "message", user, key, draft: { text: key } })),
  fc.record({ channel, user, key, nth: fc.nat(9) }).map(({ channel, user, key, nth }): Deed => (server) =>
    server.publish(channel, { kind: "update", user, key: `edit-${key}`, ts: server.ts[nth % server.ts.length] ?? "1.000000", draft: { text: `${key}!` } }),
  ),
  channel.map((id): Deed => (server) => server.info(id)),
  fc.record({ link, chan, id: channel, after }).map(({ link, ...frame }): Deed => (server) => server.frame(link, { type: "subscribe", ...frame })),
  fc.record({ link, chan }).map(({ link, chan }): Deed => (server) => server.frame(link, { type: "unsubscribe", chan })),
  fc.record({ link, chan, user }).map(({ link, chan, user }): Deed => (server) => server.frame(link, { type: "typing", chan, origin: 5, user })),
  fc.record({ link, chan, after, limit: fc.integer({ min: 1, max: 3 }), maxEvents: fc.nat(3) }).map(({ link, ...read }): Deed => (server) => server.frame(link, { type: "read", req: 9, maxAgeMs: 0, ...read })),
  link.map((one): Deed => (server) => server.reopen(one)),
  fc.integer({ min: -3, max: 60 }).map((ms): Deed => (server) => server.pass(ms)),
);

it("a channel that was forgotten comes back as if it never had been", () => {
  let spared = 0;
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60, size: "max" }), (deeds) => {
      const [kept, forgetful] = [new Server(Infinity), new Server(0)];
      for (const one of deeds) {
        one(kept);
        one(forgetful);
        expect(forgetful.shown).toEqual(kept.shown);
      }
      for (const one of links) forgetful.reopen(one);
      expect(forgetful.loaded).toBe(0);
      spared += forgetful.loads - kept.loads;
    }),
    { numRuns: 200 },
  );
  expect(spared).toBeGreaterThan(1_000);
});
