import { useLayoutEffect, useRef } from "preact/hooks";
import type { Snapshot } from "../snapshot.ts";

/** How near to its end the log must be to follow what comes, px. */
const nearPx = 40;

export function Decisions({ decisions }: { readonly decisions: Snapshot["decisions"] }) {
  const frame = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const newest = decisions.at(-1)?.n;
  useLayoutEffect(() => {
    if (follows.current && frame.current !== null) frame.current.scrollTop = frame.current.scrollHeight;
  }, [newest]);
  const scrolled = ({ currentTarget: { scrollTop, clientHeight, scrollHeight } }: { readonly currentTarget: HTMLDivElement }): void => {
    follows.current = scrollTop + clientHeight > scrollHeight - nearPx;
  };
  return (
    <section aria-labelledby="decisions">
      <h2 id="decisions">What charm decided</h2>
      <div class="log" role="log" aria-labelledby="decisions" tabIndex={0} ref={frame} onScroll={scrolled}>
        <ul>
          {decisions.map(({ n, at, epoch, kind, text }) => (
            <li key={n}>
              <time dateTime={new Date(at).toISOString()}>{new Date(at).toLocaleTimeString()}</time> <span class={`kind ${kind}`}>{kind}</span> {text} <small>(epoch {epoch})</small>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
