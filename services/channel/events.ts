/** What happens to a channel server, and what it wants done: the closed unions of its pure core (state.ts). */
import type { Hops, Link, LinkFrame } from "../protocol/link.ts";
import type { ChannelInfo, Publish } from "../protocol/mesh.ts";
import type { Reason } from "../protocol/problems.ts";
import type { Server } from "../protocol/topology.ts";
import type { Entry, Found, HistoryQuery } from "../store/log.ts";

export type { Found };

/** The ring as this service needs it; services/ring's RingView fits. */
export interface RingView {
  readonly epoch: number;
  preferenceOfSlot(pool: "channel", slot: number): readonly Pick<Server, "id" | "addr">[];
}

/** Reads that the store answers; the core only says whether this server may. */
export type Query =
  | { readonly type: "history"; readonly query: HistoryQuery }
  | { readonly type: "message"; readonly ts: string }
  | { readonly type: "events"; readonly after: number; readonly limit: number };

/** What an HTTP request asks of a channel. */
export type Ask =
  /** `bytes`: of the body it came as; `trace`: see Hops */
  | { readonly type: "publish"; readonly publish: Publish; readonly bytes: number; readonly trace: string }
  | { readonly type: "typing"; readonly user: string }
  | { readonly type: "info" }
  | { readonly type: "query"; readonly query: Query };

export type Event =
  | { readonly type: "topology"; readonly ring: RingView }
  /** `epoch`: the one the sender routed by, 0 where it said none */
  | { readonly type: "request"; readonly req: number; readonly channel: string; readonly epoch: number; readonly ask: Ask }
  | { readonly type: "linkOpened"; readonly link: number }
  | { readonly type: "linkFrame"; readonly link: number; readonly frame: LinkFrame }
  | { readonly type: "linkClosed"; readonly link: number }
  /** another server hands slots over; answer it when they are served here, or refused */
  | { readonly type: "released"; readonly req: number; readonly epoch: number; readonly slots: readonly Released[] }
  /** the next owner has taken what `handOver` offered, or did not answer in time */
  | { readonly type: "handedOver"; readonly release: number }
  /** `gone`: its address refused or reset the connection; a timeout is no evidence */
  | { readonly type: "probed"; readonly server: string; readonly gone: boolean }
  /** the channel servers whose check is critical by the registry's word; none where the registry says nothing */
  | { readonly type: "health"; readonly critical: ReadonlySet<string> }
  /** fence undefined: the store is unavailable */
  | { readonly type: "claimed"; readonly slot: number; readonly fence: number | undefined }
  /** slot → its present fence; undefined: the store is unavailable */
  | { readonly type: "checked"; readonly check: number; readonly slots: readonly number[]; readonly fences: ReadonlyMap<number, number> | undefined }
  /** head undefined: the store is unavailable */
  | { readonly type: "loaded"; readonly channel: string; readonly load: number; readonly head: number | undefined; readonly lastTs: string }
  /** found undefined: the store is unavailable */
  | { readonly type: "lookedUp"; readonly channel: string; readonly lookup: number; readonly found: Found | undefined }
  | { readonly type: "appended"; readonly channel: string; readonly append: number; readonly result: AppendResult }
  /** entries undefined: the store is unavailable */
  | { readonly type: "replayed"; readonly channel: string; readonly sub: number; readonly entries: readonly Entry[] | undefined }
  | { readonly type: "tick" }
  | { readonly type: "stop" };

/** What a gateway asks for with `read`; `head` is the channel's, which it does not see beyond. */
export type Read = Omit<Link<"read">, "type"> & { readonly channel: string; readonly head: number };

/** A slot that is let go, and its channels that somebody needs. */
export type Released = readonly [slot: number, channels: readonly string[]];


export type AppendResult = "ok" | "fenced" | "conflict" | "unavailable";

/** Answer to a request. */
export type Reply =
  | { readonly type: "published"; readonly published: PublishedBytes }
  | { readonly type: "accepted" }
  | { readonly type: "info"; readonly info: ChannelInfo }
  /** go and read it */
  | { readonly type: "query"; readonly channel: string; readonly query: Query; readonly head: number }
  /** `retryAfterMs`: it may be taken when it comes again so much later; 0 = nobody knows */
  | { readonly type: "refused"; readonly reason: Reason; readonly detail: string; readonly retryAfterMs: number; readonly owner: string; readonly epoch: number };

/** mesh.ts's Published with the message as the JSON it is stored as. */
export interface PublishedBytes {
  readonly channel: string;
  readonly offset: number;
  readonly ts: string;
  readonly duplicate: boolean;
  readonly message?: Uint8Array;
}

export type Effect =
  /** connect to the server's address; answer with `probed` */
  | { readonly type: "probe"; readonly server: string; readonly addr: string }
  /** tell the server at this address that the slots are its own by that epoch; answer with `handedOver` in any case, and soon */
  | { readonly type: "handOver"; readonly release: number; readonly addr: string; readonly epoch: number; readonly slots: readonly Released[] }
  | { readonly type: "claim"; readonly slot: number }
  /** read the slots' present fences */
  | { readonly type: "check"; readonly check: number; readonly slots: readonly number[] }
  | { readonly type: "load"; readonly channel: string; readonly load: number }
  | { readonly type: "lookup"; readonly channel: string; readonly lookup: number; readonly keys: readonly string[]; readonly messages: readonly string[] }
  | { readonly type: "append"; readonly channel: string; readonly append: number; readonly slot: number; readonly fence: number; readonly lastTs: string; readonly entries: readonly Entry[] }
  | { readonly type: "answer"; readonly req: number; readonly reply: Reply }
  | { readonly type: "send"; readonly link: number; readonly frame: LinkFrame }
  /** a publication that somebody traces is durable; times in µs since the epoch */
  | ({ readonly type: "traced"; readonly channel: string; readonly slot: number; readonly offset: number } & Hops)
  | { readonly type: "close"; readonly link: number; readonly code: number; readonly reason: string }
  /** read entries for a subscription, when its link has room; answer with `replayed` */
  | { readonly type: "replay"; readonly link: number; readonly sub: number; readonly channel: string; readonly after: number; readonly limit: number }
  /** answer a link's `read`, which reads.ts does */
  | ({ readonly type: "read"; readonly link: number } & Read)
  /** a `tick` is wanted at this time, on the clock that does not jump */
  | { readonly type: "wake"; readonly at: number }
  /** after `stop`: nothing is in flight any more */
  | { readonly type: "drained" };

export type Emit = (effect: Effect) => void;

/** Who waits for the answer to a publication or a read; `held`: bytes of the backlog that the answer gives back. */
export type Asker = ({ readonly req: number } | { readonly link: number; readonly req: number }) & { readonly held?: number };
