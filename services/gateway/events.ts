/** What the gateway's state is told, and what it wants done. Sessions, links and their numbers are named here for both sides. */
import type { ClientError, CloseReason } from "../protocol/client.ts";
import type { LinkFrame } from "../protocol/link.ts";
import type { Session as Ticketed } from "../protocol/mesh.ts";
import type { Reason } from "../protocol/problems.ts";
import type { Pool, Server } from "../protocol/topology.ts";
import type { MemoryUse } from "../runtime/memory.ts";

/** A session's ID: a random safe integer above 0, unique in the plane; it is the `origin` of what the session publishes. */
export type SessionId = number;
export type LinkPool = "channel" | "presence";

/** The ring as the gateway asks it; services/ring's RingView is one. */
export interface Ring {
  readonly epoch: number;
  /** owner, 2nd, 3rd */
  preference(pool: Pool, id: string): readonly Pick<Server, "id">[];
  /** 0..65535 */
  slotOf(id: string): number;
  servers(pool: Pool): readonly Pick<Server, "id" | "state" | "drainMs">[];
}

export type Event =
  | { readonly type: "topology"; readonly ring: Ring }
  /** a client wants to upgrade; `session` is a fresh random ID */
  | { readonly type: "upgrade"; readonly session: SessionId; readonly ticket: string }
  | { readonly type: "redeemed"; readonly session: SessionId; readonly ticketed: Ticketed }
  /** webapp refused the ticket, or (status 0) did not answer */
  | { readonly type: "unredeemed"; readonly session: SessionId; readonly status: number }
  | { readonly type: "opened"; readonly session: SessionId }
  | { readonly type: "listed"; readonly session: SessionId; readonly channels: readonly string[] }
  | { readonly type: "unlisted"; readonly session: SessionId }
  | { readonly type: "text"; readonly session: SessionId; readonly text: string }
  | { readonly type: "binary"; readonly session: SessionId }
  /** any sign of life from the client */
  | { readonly type: "alive"; readonly session: SessionId }
  /** the session's `replay` effect was written out */
  | { readonly type: "replayed"; readonly session: SessionId; readonly channel: string }
  /** the socket's queue is beyond limits.socketQueueBytes */
  | { readonly type: "overflow"; readonly session: SessionId }
  | { readonly type: "closed"; readonly session: SessionId }
  | { readonly type: "linkOpened"; readonly conn: number }
  | { readonly type: "linkFrames"; readonly conn: number; readonly frames: readonly LinkFrame[] }
  | { readonly type: "linkClosed"; readonly conn: number }
  /** how much memory the process uses, and may use; told now and then */
  | ({ readonly type: "pressure" } & MemoryUse)
  /** the answer to `weigh`: bytes that wait to be written */
  | { readonly type: "weighed"; readonly queues: readonly (readonly [SessionId, number])[] }
  /** the process is told to stop: drain */
  | { readonly type: "stop" }
  /** `wakeAt()` is due */
  | { readonly type: "tick" };

/** One event on its way to a channel's subscribers. */
export interface Outgoing {
  readonly payload: Uint8Array;
  /** the session that made it does not get it */
  readonly origin: number;
}

export type Effect =
  | { readonly type: "redeem"; readonly session: SessionId; readonly ticket: string }
  | { readonly type: "accept"; readonly session: SessionId }
  | { readonly type: "refuse"; readonly session: SessionId; readonly reason: Reason; readonly detail: string }
  /** ask webapp for the channels of `user` */
  | { readonly type: "list"; readonly session: SessionId; readonly user: string }
  | { readonly type: "send"; readonly session: SessionId; readonly text: string }
  /** `to` is an array that never changes any more */
  | { readonly type: "deliver"; readonly to: readonly SessionId[]; readonly events: Outgoing[]; readonly transient: boolean }
  /** like deliver, to one session that catches up; answered by `replayed` once it left the process */
  | { readonly type: "replay"; readonly session: SessionId; readonly channel: string; readonly payloads: readonly Uint8Array[] }
  | { readonly type: "ping"; readonly sessions: readonly SessionId[] }
  /** `now`: its queue is given back at once, so that a client may not see the reason */
  | { readonly type: "close"; readonly session: SessionId; readonly reason: CloseReason; readonly now?: true }
  /** memory runs out: how much has each of these queued? Answered by `weighed` */
  | { readonly type: "weigh"; readonly sessions: readonly SessionId[] }
  | { readonly type: "connect"; readonly conn: number; readonly pool: LinkPool; readonly server: string }
  /** whoever traces fills the `trace` of a `publish` in */
  | { readonly type: "link"; readonly conn: number; readonly frame: LinkFrame }
  /** a client's message was refused for good; whoever traces it wants to know */
  | { readonly type: "unpublished"; readonly req: number; readonly error: ClientError }
  /** an event that somebody traces went to so many sessions; times in µs since the epoch */
  | { readonly type: "traced"; readonly channel: string; readonly offset: number; readonly trace: string; readonly stored: number; readonly arrived: number; readonly sessions: number }
  | { readonly type: "disconnect"; readonly conn: number }
  /** it stops, and its clients reconnect faster than they should */
  | { readonly type: "hurry"; readonly sessions: number; readonly withinMs: number }
  /** drained: no session is left and none will come */
  | { readonly type: "drained" };
