/** What a new topology makes a gateway do, by the real ring: only what moved is asked for anew. */
import { beforeAll, expect, test } from "vitest";
import { LINK_VERSION } from "../protocol/link.ts";
import type { Server, ServerState } from "../protocol/topology.ts";
import { DEV_KEY } from "../ring/key.ts";
import { loadRingModule, type RingModule, type RingView } from "../ring/ring.ts";
import { sealTopology } from "../ring/seal.ts";
import type { Effect } from "./events.ts";
import { Gateway, type Event } from "./state.ts";

let module: RingModule;
beforeAll(async () => void (module = await loadRingModule(DEV_KEY)));

const channels = Array.from({ length: 400 }, (_, i) => `C${i}`);
const users = Array.from({ length: 60 }, (_, i) => `U${i}`);

/** ID → weight, or a state */
type Members = Readonly<Record<string, number | ServerState>>;

/** A topology with these channel and presence servers. */
function view(epoch: number, channel: Members, presence: Members): RingView {
  const server = (id: string, is: number | ServerState): Server => ({ id, addr: "127.0.0.1:1", zone: "", weight: typeof is === "number" ? is : 100, state: typeof is === "number" ? "up" : is });
  const pool = (members: Members) => ({ servers: Object.entries(members).map(([id, is]) => server(id, is)), pins: [] });
  return module.build(sealTopology(module, { epoch, pools: { channel: pool(channel), presence: pool(presence), gateway: pool({ "gw-0": 100 }) } }).topology);
}

/** A gateway with a session of each user, all in all channels, and servers that answer at once. */
class Plane {
  readonly gateway = new Gateway({ id: "gw-0", maxSessions: 100, heartbeatMs: 20_000, helloWithinMs: 3_000, resumeMs: 300_000, resumeEvents: 10_000, reconnectsPerSecond: 200, leaveWithinMs: 30_000, drainMs: 0, publishWithinMs: 10_000, linkPingMs: 1_000, linkSilenceMs: 3_000 });
  readonly #servers = new Map<number, string>();
  readonly #chans = new Map<number, string>();
  /** `server subscribe channel`, `server online user` … since `begin` */
  said: string[] = [];

  begin(ring: RingView): void {
    this.tell({ type: "topology", ring });
    users.forEach((id, i) => {
      const session = i + 1;
      this.tell({ type: "upgrade", session, ticket: `${id}.s` });
      this.tell({ type: "redeemed", session, ticketed: { user: { id, name: id }, team: { id: "T", name: "t", domain: "t" }, manual_away: false, manual_away_at: 0, offsets: {}, batch_presence: false } });
      this.tell({ type: "opened", session });
    });
    expect(this.gateway.status()).toMatchObject({ sessions: users.length, subscriptions: channels.length + users.length });
    this.said = [];
  }

  tell(event: Event): void {
    for (const effect of this.gateway.step(event, 1)) this.#do(effect);
  }

  #do(effect: Effect): void {
    if (effect.type === "list") return this.tell({ type: "listed", session: effect.session, channels });
    if (effect.type === "connect") {
      this.#servers.set(effect.conn, effect.server);
      this.tell({ type: "linkOpened", conn: effect.conn });
      return this.tell({ type: "linkFrames", conn: effect.conn, frames: [{ type: "hello", v: LINK_VERSION, server: effect.server, epoch: 1 }] });
    }
    if (effect.type !== "link") return;
    const { conn, frame } = effect;
    if (frame.type === "subscribe") this.#chans.set(frame.chan, frame.id);
    if (frame.type === "subscribe" || frame.type === "unsubscribe") this.said.push(`${this.#servers.get(conn)} ${frame.type} ${this.#chans.get(frame.chan)}`);
    if (frame.type === "online" || frame.type === "offline") this.said.push(`${this.#servers.get(conn)} ${frame.type} ${frame.user}`);
    if (frame.type === "subscribe") this.tell({ type: "linkFrames", conn, frames: [{ type: "subscribed", chan: frame.chan, head: 5, first: 6 }] });
  }
}

const base = { "cs-0": 100, "cs-1": 100, "cs-2": 100 };
const presence = { "ps-0": 100, "ps-1": 100 };

test.each<[string, Members, Members]>([
  ["another weight", { ...base, "cs-1": 60 }, presence],
  ["a server that joins", { ...base, "cs-3": 100 }, presence],
  ["a server that drains", { ...base, "cs-2": "draining" }, presence],
  ["a presence server that joins", base, { ...presence, "ps-2": 100 }],
  ["an epoch that moves nothing", base, presence],
])("%s: only channels and users that moved are told of elsewhere", (_, channel, presences) => {
  const before = view(1, base, presence);
  const after = view(2, channel, presences);
  const plane = new Plane();
  plane.begin(before);
  plane.tell({ type: "topology", ring: after });

  const expected: string[] = [];
  const move = (pool: "channel" | "presence", id: string, leave: string, come: string): void => {
    const [from, to] = [before.owner(pool, id)!.id, after.owner(pool, id)!.id];
    if (from !== to) expected.push(`${from} ${leave} ${id}`, `${to} ${come} ${id}`);
  };
  for (const id of [...channels, ...users]) move("channel", id, "unsubscribe", "subscribe");
  for (const id of users) move("presence", id, "offline", "online");
  expect(plane.said.sort()).toEqual(expected.sort());
  const moves = expected.length / 2;
  expect(moves === 0 || (moves > 10 && moves < 300), `${moves} moved`).toBe(true);
});
