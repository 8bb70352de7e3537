import type { Chat } from "./chat.ts";
import type { Message } from "./timeline.ts";

/** Those that one click gives, with signs that any font has. Others are shown by their names. */
const signs: Readonly<Record<string, string>> = { "+1": "+1", heart: "♥", white_check_mark: "✔", star: "★", smile: "☺" };

interface Props {
  readonly chat: Chat;
  readonly channel: string;
  readonly message: Message;
}

/** Those that somebody gave. */
export function Reactions({ chat, channel, message: { reactions, ts } }: Props) {
  return reactions.map(({ name, users }) => {
    const isMine = users.includes(chat.self);
    return (
      <button key={name} type="button" class="reaction" aria-pressed={isMine} title={users.map((user) => chat.nameOf(user)).join(", ")} onClick={() => void chat.react(channel, ts, name, !isMine)}>
        <span aria-hidden="true">{signs[name] ?? `:${name}:`}</span>
        <span class="hidden">{name}, </span> {users.length}
      </button>
    );
  });
}

/** Those that one may give. */
export function Signs({ chat, channel, message: { reactions, ts } }: Props) {
  const free = Object.entries(signs).filter(([name]) => !reactions.some((one) => one.name === name));
  return free.map(([name, sign]) => (
    <button key={name} type="button" class="reaction" onClick={() => void chat.react(channel, ts, name, true)}>
      <span aria-hidden="true">{sign}</span>
      <span class="hidden">react with {name}</span>
    </button>
  ));
}
