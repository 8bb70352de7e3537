import type { Chat } from "./chat.ts";
import { NewChannel } from "./new-channel.tsx";
import { Presence } from "./presence.tsx";
import type { Channel } from "./reads.ts";
import { badge, none } from "./unread.ts";

interface Props {
  readonly chat: Chat;
  /** in a narrow window */
  readonly isOpen: boolean;
  readonly chosen: () => void;
  readonly leave: () => void;
}

export function Sidebar({ chat, isOpen, chosen, leave }: Props) {
  const all = [...chat.channels.values()].sort((a, b) => (chat.titleOf(a) < chat.titleOf(b) ? -1 : 1));
  const list = (channels: readonly Channel[]) => (
    <ul>
      {channels.map((channel) => (
        <Entry key={channel.id} chat={chat} channel={channel} chosen={chosen} />
      ))}
    </ul>
  );
  const others = all.filter(({ isMember }) => !isMember);
  return (
    <nav id="channels" class={isOpen ? "sidebar open" : "sidebar"} aria-label="Channels">
      <h2>Channels</h2>
      {list(all.filter(({ isMember }) => isMember))}
      {others.length > 0 && <h2>Others</h2>}
      {others.length > 0 && list(others)}
      <NewChannel chat={chat} made={chosen} />
      <p class="self">
        {chat.nameOf(chat.self)}
        <button type="button" onClick={() => chat.refresh()}>
          Refresh<span class="hidden"> the list of channels</span>
        </button>
        <button type="button" onClick={leave}>
          Sign out
        </button>
      </p>
    </nav>
  );
}

function Entry({ chat, channel, chosen }: { readonly chat: Chat; readonly channel: Channel; readonly chosen: () => void }) {
  const unread = chat.unread.get(channel.id) ?? none;
  return (
    <li>
      <button type="button" class={unread.list.size > 0 ? "entry unread" : "entry"} aria-current={chat.current === channel.id ? "page" : undefined} onClick={() => (chat.open(channel.id), chosen())}>
        {channel.partner === undefined ? <span aria-hidden="true">{channel.kind === "private" ? "◦" : "#"}</span> : <Presence user={channel.partner} />}
        <span class="name">{chat.titleOf(channel)}</span>
        {unread.list.size > 0 && (
          <span class="count">
            {badge(unread)}
            <span class="hidden"> unread</span>
          </span>
        )}
      </button>
    </li>
  );
}
