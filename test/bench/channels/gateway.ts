/**
 * The core of a gateway whose sessions are in so many channels, each channel in one session; the channel server that it asks
 * answers at once. Sockets are no part of this. Argument: how many channels.
 */
import { Gateway, type Effect, type Event, type Ring } from "../../../services/gateway/state.ts";
import { readConfig } from "../../../services/gateway/config.ts";
import { DEV_KEY } from "../../../services/ring/key.ts";
import { LINK_VERSION, type LinkFrame } from "../../../services/protocol/link.ts";
import { answerMeasures } from "./memory.ts";
import { channelOf } from "./store.ts";

const channels = Number(process.argv[2]);
/** of one session; its own cost is spread over so many */
const channelsEach = 1_000;

const options = readConfig(["--id", "gw-0", "--listen", "127.0.0.1:0", "--ring-key", DEV_KEY]);
const gateway = new Gateway({ ...options, maxSessions: Infinity });
const ring: Ring = { epoch: 1, slotOf: () => 0, preference: () => [{ id: "cs-0" }], servers: (pool) => (pool === "channel" ? [{ id: "cs-0", state: "up" }] : []) };
const team = { id: "T1", name: "team", domain: "team" };
let now = 0;
let conn = 0;
const asked: LinkFrame[] = [];

function tell(event: Event): void {
  for (const effect of gateway.step(event, ++now)) note(effect);
}

function note(effect: Effect): void {
  if (effect.type === "connect") conn = effect.conn;
  if (effect.type === "link" && effect.frame.type === "subscribe") asked.push({ type: "subscribed", chan: effect.frame.chan, head: 1, first: 2 });
}

function answer(): void {
  if (asked.length > 0) tell({ type: "linkFrames", conn, frames: asked.splice(0) });
}

tell({ type: "topology", ring });
tell({ type: "linkOpened", conn });
tell({ type: "linkFrames", conn, frames: [{ type: "hello", v: LINK_VERSION, server: "cs-0", epoch: 1 }] });
for (let first = 0; first < channels; first += channelsEach) {
  const session = 1 + first / channelsEach;
  const id = `U${session}`;
  tell({ type: "upgrade", session, ticket: `${id}.secret` });
  tell({ type: "redeemed", session, ticketed: { user: { id, name: id }, team, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false } });
  tell({ type: "opened", session });
  answer();
  // Each ID is a string of its own, as those that come out of JSON are.
  tell({ type: "listed", session, channels: Array.from({ length: Math.min(channelsEach, channels - first) }, (_, i) => channelOf(first + i)) });
  answer();
}
const { subscriptions } = gateway.status() as { subscriptions: number };
if (subscriptions !== channels + Math.ceil(channels / channelsEach)) throw new Error(`${subscriptions} subscriptions`);
answerMeasures();
process.send!("");
