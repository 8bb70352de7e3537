/** Whatever a client or a server behind a link says: the gateway's state answers or drops it, and goes on. */
import fc from "fast-check";
import { describe, test } from "vitest";
import { LINK_VERSION, type LinkFrame } from "../protocol/link.ts";
import { parseClientFrame } from "./client-frames.ts";
import type { Ring } from "./events.ts";
import { Gateway } from "./state.ts";

const ring: Ring = {
  epoch: 1,
  slotOf: () => 7,
  preference: (pool) => [{ id: pool === "presence" ? "ps-0" : "cs-0" }],
  servers: (pool) => [{ id: pool === "presence" ? "ps-0" : "cs-0", state: "up" }],
};

/** A gateway with one session that is in C1. */
function serving(): Gateway {
  const gateway = new Gateway({ id: "gw-0", maxSessions: 9, heartbeatMs: 20_000, helloWithinMs: 3_000, resumeMs: 300_000, resumeEvents: 10_000, reconnectsPerSecond: 200, leaveWithinMs: 30_000, drainMs: 0, publishWithinMs: 10_000, linkPingMs: 1_000, linkSilenceMs: 3_000 });
  gateway.step({ type: "topology", ring }, 1);
  for (const [conn, server] of [[1, "cs-0"], [2, "ps-0"]] as const) {
    gateway.step({ type: "linkOpened", conn }, 1);
    gateway.step({ type: "linkFrames", conn, frames: [{ type: "hello", v: LINK_VERSION, server, epoch: 1 }] }, 1);
  }
  const ticketed = { user: { id: "UADA", name: "a" }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false };
  gateway.step({ type: "upgrade", session: 1, ticket: "UADA.s" }, 1);
  gateway.step({ type: "redeemed", session: 1, ticketed }, 1);
  gateway.step({ type: "opened", session: 1 }, 1);
  gateway.step({ type: "linkFrames", conn: 1, frames: [{ type: "subscribed", chan: 1, head: 0, first: 1 }] }, 1);
  gateway.step({ type: "listed", session: 1, channels: ["C1"] }, 1);
  gateway.step({ type: "linkFrames", conn: 1, frames: [{ type: "subscribed", chan: 2, head: 0, first: 1 }] }, 1);
  return gateway;
}

const pongs = (gateway: Gateway): boolean => gateway.step({ type: "text", session: 1, text: '{"type":"ping","id":1}' }, 2).some((effect) => effect.type === "send" && effect.text.includes("pong"));

const types = ["ping", "message", "typing", "presence_sub", "presence_query", "tickle"];
const frameLike = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...types), fc.jsonValue()),
    id: fc.oneof(fc.integer(), fc.jsonValue()),
    channel: fc.oneof(fc.constant("C1"), fc.jsonValue()),
    text: fc.oneof(fc.string(), fc.jsonValue()),
    ids: fc.oneof(fc.array(fc.constantFrom("U1", "U2", "UADA")), fc.jsonValue()),
    client_msg_id: fc.oneof(fc.string(), fc.jsonValue()),
    blocks: fc.jsonValue(),
    __proto__: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

const number = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
const bytes = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.json().map((json) => new Uint8Array(Buffer.from(json))));
const user = fc.oneof(fc.constantFrom("UADA", "U1"), fc.string());
const linkFrame: fc.Arbitrary<LinkFrame> = fc.oneof(
  fc.record({ type: fc.constant("hello" as const), v: number, server: user, epoch: number }),
  fc.record({ type: fc.constant("subscribed" as const), chan: number, head: number, first: number }),
  fc.record({ type: fc.constant("event" as const), chan: number, offset: number, origin: number, kind: fc.integer({ min: 0, max: 255 }), taken: number, received: number, stored: number, trace: fc.string(), payload: bytes }),
  fc.record({ type: fc.constant("transient" as const), chan: number, origin: number, payload: bytes }),
  fc.record({ type: fc.constant("ack" as const), req: number, offset: number, ts: fc.string() }),
  fc.record({ type: fc.constant("refused" as const), req: number, reason: fc.string(), detail: fc.string(), retryAfterMs: number }),
  fc.record({ type: fc.constant("moved" as const), chan: number, epoch: number, owner: fc.string() }),
  fc.record({ type: fc.constant("batch" as const), req: number, chan: number, head: number, events: bytes }),
  fc.record({ type: fc.constant("window" as const), req: number, chan: number, from: number, head: number, afterTs: fc.string(), fromTs: fc.string() }),
  fc.record({ type: fc.constant("presence" as const), user, active: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ type: fc.constant("manual" as const), user, away: fc.integer({ min: 0, max: 255 }), at: fc.maxSafeNat() }),
  fc.record({ type: fc.constant("watch" as const), user }),
);

describe("bad input", () => {
  test("any text is parsed to a frame or a refusal", () => {
    const texts = fc.oneof(fc.string(), fc.json(), frameLike.map((frame) => JSON.stringify(frame)));
    fc.assert(fc.property(texts, (text) => [...types, "refused"].includes(parseClientFrame(text).type)));
  });

  test("a session that says anything still gets its pong", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(frameLike.map((frame) => JSON.stringify(frame)), fc.string()), { maxLength: 20 }), (texts) => {
        const gateway = serving();
        for (const text of texts) gateway.step({ type: "text", session: 1, text }, 2);
        return pongs(gateway);
      }),
    );
  });

  test("links that say anything leave the sessions alone", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), linkFrame), { maxLength: 30 }), (said) => {
        const gateway = serving();
        gateway.step({ type: "text", session: 1, text: '{"type":"message","id":1,"channel":"C1","text":"x"}' }, 2);
        for (const [conn, frame] of said) gateway.step({ type: "linkFrames", conn, frames: [frame] }, 2);
        return pongs(gateway);
      }),
      { numRuns: 500 },
    );
  });
});
