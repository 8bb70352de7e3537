/** How far a confirmed change is. */
import type { Preview } from "../../protocol/operator.ts";
import type { ServerView } from "../snapshot.ts";
import type { Watched } from "./watched.ts";
import type { Wish } from "./wish.ts";

export interface Changed {
  readonly wish: Wish;
  readonly preview: Preview;
  /** what was seen when charm had taken it */
  readonly since: Watched;
  readonly watched: Watched;
}

/** `share` of 0..1 is done. */
export interface Far {
  readonly text: string;
  readonly share: number;
}

export function progressOf(changed: Changed): Far {
  const { wish, since, watched } = changed;
  // A look that had begun before the change may come after it, so the second one is the first that counts.
  const isSeen = watched.looks >= since.looks + 2;
  const gateway = wish.wish === "drain" ? gatewayIn(since, wish.server) : undefined;
  return gateway === undefined ? slotsLeft(changed, isSeen) : sessionsLeft(gateway, isSeen ? gatewayIn(watched, wish.server) : gateway, isSeen);
}

function gatewayIn({ last }: Watched, id: string): ServerView | undefined {
  return last.servers.find((server) => server.pool === "gateway" && server.id === id);
}

/** Only the gateway's own word, given while it drains, says that its sessions have left: silence says nothing. */
function sessionsLeft(before: ServerView, now: ServerView | undefined, isSeen: boolean): Far {
  if (now === undefined || now.state === "down") return { text: `gone: ${now === undefined ? "it left the ring" : "it is down"} before it said that its clients had left`, share: 1 };
  if (now.stale || now.figures === null) return { text: "it does not answer, so nobody knows how many sessions have yet to leave", share: 0 };
  if (isSeen && now.state !== "draining") return { text: "the ring does not say yet that it drains", share: 0 };
  const left = now.figures.connections;
  if (isSeen && left === 0) return { text: "done", share: 1 };
  return { text: `${left} sessions have yet to leave`, share: 1 - left / Math.max(1, left, before.figures?.connections ?? 0) };
}

function slotsLeft({ preview, watched }: Changed, isSeen: boolean): Far {
  const { charm } = watched.last;
  // Without charm nobody knows.
  if (isSeen && charm === null) return { text: "charm does not answer, so nobody knows how many slots have yet to move", share: 0 };
  const of = Math.max(0.1, Math.round((1_000 * preview.moved.channel) / 65_536) / 10);
  const rebalance = charm?.rebalance ?? null;
  // The last slots have moved before all servers have said that they are warm.
  if (isSeen && rebalance === null) return { text: "done", share: 1 };
  const left = isSeen ? (rebalance?.left_percent ?? 0) : of;
  return { text: `${left} % of the slots have yet to move`, share: 1 - Math.min(left, of) / of };
}
