/** What a presence server's state is told, and what it wants done. */
import type { Choice } from "../protocol/choice.ts";
import type { LinkFrame } from "../protocol/link.ts";
import type { PresenceInfo } from "../protocol/mesh.ts";
import type { Reason } from "../protocol/problems.ts";
import type { Pool, Server } from "../protocol/topology.ts";

/** The ring as a presence server asks it; services/ring's RingView is one. */
export interface Ring {
  readonly epoch: number;
  owner(pool: Pool, id: string): Pick<Server, "id"> | undefined;
  /** equal in two topologies where the pool gives every ID to the same servers */
  placement(pool: Pool): string;
  servers(pool: Pool): readonly Pick<Server, "id" | "state">[];
}

export type Event =
  | { readonly type: "topology"; readonly ring: Ring }
  /** a gateway's link; `link` is a number of this process */
  | { readonly type: "linkOpened"; readonly link: number }
  | { readonly type: "linkFrames"; readonly link: number; readonly frames: readonly LinkFrame[] }
  | { readonly type: "linkClosed"; readonly link: number }
  /** HTTP: answered by `answer` with the same `req` */
  | { readonly type: "get"; readonly req: number; readonly user: string }
  | { readonly type: "put"; readonly req: number; readonly user: string; readonly choice: Choice }
  /** `wakeAt()` is due */
  | { readonly type: "tick" };

export type Effect =
  | { readonly type: "send"; readonly link: number; readonly frame: LinkFrame }
  | { readonly type: "close"; readonly link: number; readonly detail: string }
  | { readonly type: "answer"; readonly req: number; readonly info: PresenceInfo }
  | { readonly type: "refuse"; readonly req: number; readonly reason: Reason; readonly detail: string };
