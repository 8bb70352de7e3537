import type { Chat } from "./chat.ts";
import { Presence } from "./presence.tsx";

export function Members({ chat, channel, close }: { readonly chat: Chat; readonly channel: string; readonly close: () => void }) {
  const members = [...(chat.members.get(channel) ?? [])].sort((a, b) => (chat.nameOf(a) < chat.nameOf(b) ? -1 : 1));
  return (
    <aside class="panel" aria-labelledby="members">
      <header>
        <h2 id="members">Members</h2>
        <button type="button" onClick={close}>
          Close<span class="hidden"> the list of members</span>
        </button>
      </header>
      <ul class="members">
        {members.map((user) => (
          <li key={user}>
            <Presence user={user} /> {chat.nameOf(user)}
            {user === chat.self && <span class="hint"> (you)</span>}
          </li>
        ))}
      </ul>
    </aside>
  );
}
