import type { Preview } from "../../protocol/operator.ts";
import type { ServerView } from "../snapshot.ts";
import type { Watched } from "./watched.ts";
import { inWords, type Wish } from "./wish.ts";

interface Changed {
  readonly wish: Wish;
  readonly preview: Preview;
  /** what was seen when it was confirmed */
  readonly since: Watched;
  readonly watched: Watched;
}

/** How far a confirmed change is: slots that have yet to move, or sessions that have yet to leave a gateway. */
export function Progress(changed: Changed) {
  const { left, of, what, isDone } = progressOf(changed);
  return (
    <div role="status">
      <p>
        <label>
          {inWords(changed.wish)}: {isDone ? "done" : `${left} ${what}`}{" "}
          <progress max={of} value={isDone ? of : of - Math.min(left, of)} />
        </label>
      </p>
    </div>
  );
}

function progressOf({ wish, preview, since, watched }: Changed): { readonly left: number; readonly of: number; readonly what: string; readonly isDone: boolean } {
  const serverIn = ({ last }: Watched): ServerView | undefined => last.servers.find(({ id }) => id === wish.server);
  // A look that had begun before the change may come after it, so the second one is the first that counts.
  const isSeen = watched.looks >= since.looks + 2;
  if (wish.wish === "drain" && serverIn(watched)?.pool === "gateway") {
    const of = Math.max(1, serverIn(since)?.figures?.connections ?? 0);
    const left = isSeen ? (serverIn(watched)?.figures?.connections ?? 0) : of;
    return { left, of, what: "sessions have yet to leave", isDone: isSeen && left === 0 };
  }
  const of = Math.max(0.1, Math.round((1_000 * preview.moved.channel) / 65_536) / 10);
  const rebalance = watched.last.charm?.rebalance ?? null;
  const left = isSeen ? (rebalance?.left_percent ?? 0) : of;
  // The last slots have moved before all servers have said that they are warm. Without charm nobody knows.
  return { left, of, what: "% of the slots have yet to move", isDone: isSeen && watched.last.charm !== null && rebalance === null };
}
