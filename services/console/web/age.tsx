import { useEffect, useState } from "preact/hooks";

/** A look a second is expected; one that is older than this is no longer "now", ms. */
const oldMs = 3_000;

/** Says how old the last look is, once it is old. @param at when it came, by performance.now() */
export function Age({ at }: { readonly at: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  if (now - at <= oldMs) return null;
  return <strong class="old"> · as of {Math.floor((now - at) / 1_000)} s ago</strong>;
}
