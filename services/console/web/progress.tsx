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
  const { left, of, what } = leftOf(changed);
  return (
    <div role="status">
      <p>
        <label>
          {inWords(changed.wish)}: {left === 0 ? "done" : `${left} ${what}`}{" "}
          <progress max={of} value={of - Math.min(left, of)} />
        </label>
      </p>
    </div>
  );
}

function leftOf({ wish, preview, since, watched }: Changed): { readonly left: number; readonly of: number; readonly what: string } {
  const serverIn = ({ last }: Watched): ServerView | undefined => last.servers.find(({ id }) => id === wish.server);
  // A look that had begun before the change may come after it, so the second one is the first that counts.
  const isSeen = watched.looks >= since.looks + 2;
  if (wish.wish === "drain" && serverIn(watched)?.pool === "gateway") {
    const [first, now] = [serverIn(since)?.figures?.connections ?? 0, serverIn(watched)?.figures?.connections ?? 0];
    return { left: isSeen ? now : Math.max(first, 1), of: Math.max(first, 1), what: "sessions have yet to leave" };
  }
  const whole = Math.max(0.1, Math.round((1_000 * preview.moved.channel) / 65_536) / 10);
  const rebalance = watched.last.charm?.rebalance ?? null;
  return { left: rebalance?.left_percent || (isSeen && rebalance === null ? 0 : whole), of: whole, what: "% of the slots have yet to move" };
}
