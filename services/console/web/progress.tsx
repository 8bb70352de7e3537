import { type Changed, progressOf } from "./progress-of.ts";
import { inWords } from "./wish.ts";

/** How far a confirmed change is: slots that have yet to move, or sessions that have yet to leave a gateway. */
export function Progress(changed: Changed) {
  const { text, share } = progressOf(changed);
  return (
    <div role="status">
      <p>
        <label>
          {inWords(changed.wish)}: {text}{" "}
          <progress max={1} value={share} />
        </label>
      </p>
    </div>
  );
}
