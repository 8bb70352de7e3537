import { createContext } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";
import type { Chat } from "./chat.ts";
import type { VisibleUsers } from "./visible-users.ts";

export const Watching = createContext<{ readonly chat: Chat; readonly visible: VisibleUsers } | undefined>(undefined);

const words = { active: "active", away: "away" } as const;

/** Whether a user is there. While the dot is in view their presence is watched. */
export function Presence({ user }: { readonly user: string }) {
  const { chat, visible } = useContext(Watching)!;
  const ref = useRef<HTMLSpanElement>(null);
  useEffect(() => visible.observe(ref.current!, user), [visible, user]);
  const presence = chat.presence.get(user);
  return <span ref={ref} class={`presence ${presence ?? "unknown"}`} role="img" aria-label={presence === undefined ? "presence unknown" : words[presence]} />;
}
