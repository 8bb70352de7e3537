import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Badge } from "./badge.tsx";
import { Composer } from "./composer.tsx";
import type { Chat } from "./chat.ts";
import { Details } from "./details.tsx";
import { onceAFrame } from "./frames.ts";
import { Members } from "./members.tsx";
import { Messages } from "./messages.tsx";
import { Watching } from "./presence.tsx";
import { Sidebar } from "./sidebar.tsx";
import { VisibleUsers } from "./visible-users.ts";

/** What is beside the messages: in a narrow window over them. */
export type Panel = { readonly kind: "members" } | { readonly kind: "details"; readonly key: string };

/** Wide enough to show members from the start. */
const wide = "(min-width: 1000px)";

export function Room({ chat, leave }: { readonly chat: Chat; readonly leave: (why?: string) => void }) {
  const [, redraw] = useState(0);
  const [menu, setMenu] = useState(false);
  const [panel, setPanel] = useState<Panel | undefined>(() => (matchMedia(wide).matches ? { kind: "members" } : undefined));
  const opener = useRef<HTMLElement | null>(null);
  const visible = useMemo(() => new VisibleUsers((users) => chat.watch(users)), [chat]);
  const watching = useMemo(() => ({ chat, visible }), [chat, visible]);
  useEffect(() => chat.subscribe(onceAFrame(() => redraw((n) => n + 1))), [chat]);
  useEffect(() => () => visible.close(), [visible]);

  const { connection, current } = chat;
  useEffect(() => {
    if (connection.phase === "closed") leave(`The server says: ${connection.why}. Enter again.`);
  }, [connection.phase]);

  const channel = current === undefined ? undefined : chat.channels.get(current);
  const title = channel === undefined ? "Ringway chat" : `${channel.partner === undefined ? "#" : ""}${chat.titleOf(channel)}`;
  const unread = [...chat.unread].reduce((sum, [, { list }]) => sum + list.size, 0);
  useEffect(() => void (document.title = `${unread > 0 ? `(${unread}) ` : ""}${title} · Ringway`), [title, unread]);

  const open = (next: Panel | undefined): void => {
    if (next !== undefined) opener.current = document.activeElement as HTMLElement | null;
    setPanel(next);
    if (next === undefined) opener.current?.focus();
  };
  const message = panel?.kind === "details" && channel !== undefined ? [...(chat.timelines.get(channel.id)?.stored ?? []), ...(chat.timelines.get(channel.id)?.mine ?? [])].find(({ key }) => key === panel.key) : undefined;
  const shown = panel?.kind === "members" ? panel : message === undefined ? undefined : panel;

  return (
    <Watching.Provider value={watching}>
      <div class={`room${shown === undefined ? "" : " with-panel"}`} onKeyDown={({ key }) => key === "Escape" && (menu ? setMenu(false) : shown !== undefined && open(undefined))}>
        <header class="top">
          <button type="button" class="menu" aria-expanded={menu} aria-controls="channels" onClick={() => setMenu(!menu)}>
            Channels{unread > 0 ? ` (${unread})` : ""}
          </button>
          <h1>{title}</h1>
          {channel?.isMember === true && (
            <button type="button" aria-expanded={shown?.kind === "members"} onClick={() => open(shown?.kind === "members" ? undefined : { kind: "members" })}>
              Members
            </button>
          )}
          {channel?.isMember === true && channel.kind !== "direct" && (
            <button type="button" onClick={() => void chat.leave(channel.id)}>
              Leave<span class="hidden"> {title}</span>
            </button>
          )}
        </header>
        <Sidebar chat={chat} isOpen={menu} chosen={() => setMenu(false)} leave={() => leave()} />
        <main class="middle" aria-label={title}>
          {channel === undefined ? (
            <p class="nothing">{connection.phase === "connected" ? "Choose a channel." : "Connecting …"}</p>
          ) : channel.isMember ? (
            <>
              <Messages key={channel.id} chat={chat} channel={channel} details={(key) => open({ kind: "details", key })} />
              <Composer key={`write-${channel.id}`} chat={chat} channel={channel} />
            </>
          ) : (
            <div class="nothing">
              <p>{channel.purpose === "" ? "You are not in this channel." : `${channel.purpose}. You are not in this channel.`}</p>
              <button type="button" class="strong" onClick={() => void chat.join(channel.id)}>
                Join {title}
              </button>
            </div>
          )}
        </main>
        {shown?.kind === "members" && channel !== undefined && <Members chat={chat} channel={channel.id} close={() => open(undefined)} />}
        {message !== undefined && channel !== undefined && <Details key={message.key} chat={chat} channel={channel.id} message={message} close={() => open(undefined)} />}
        <Badge chat={chat} />
      </div>
    </Watching.Provider>
  );
}
