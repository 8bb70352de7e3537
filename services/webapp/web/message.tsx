import type { Journey } from "@ringway/client";
import { useMemo, useState } from "preact/hooks";
import type { Chat } from "./chat.ts";
import { EditForm } from "./edit-form.tsx";
import { Presence } from "./presence.tsx";
import { Reactions, Signs } from "./reactions.tsx";
import type { Message } from "./timeline.ts";
import { clockTime, isoTime } from "./times.ts";

interface Props {
  readonly chat: Chat;
  readonly channel: string;
  readonly message: Message;
  /** of its author */
  readonly name: string;
  /** "" unless it is the first of a day */
  readonly newDay: string;
  readonly journey: Journey | undefined;
  readonly details: (key: string) => void;
}

/** What had the focus goes away: it must not get lost with it. */
function toComposer(): void {
  document.getElementById("write")?.focus();
}

/** Drawn anew only where something of it changed: a channel may show thousands. Its dot follows the presence by itself. */
export function MessageRow({ chat, channel, message, name, newDay, journey, details }: Props) {
  const [mode, setMode] = useState<"shown" | "edited" | "leaving">("shown");
  const presence = chat.presence.get(message.user);
  return useMemo(
    () => (
      <>
        {newDay !== "" && <li class="day">{newDay}</li>}
        <li class={`message ${message.state}`} data-offset={message.offset}>
          <header>
            <Presence user={message.user} />
            <b>{name}</b>
            {message.ts !== "" && <time dateTime={isoTime(message.ts)}>{clockTime(message.ts)}</time>}
            {message.edited && <span class="hint">(edited)</span>}
            {message.state === "waiting" && <span class="hint">waiting to be sent</span>}
            {message.state === "stored" && (
              <button type="button" class="place" onClick={() => details(message.key)}>
                <span class="hidden">How this message travelled: </span>#{message.offset}
                {journey !== undefined && ` · ${journey.server}`}
              </button>
            )}
          </header>
          {mode === "edited" ? <EditForm message={message} save={(text) => chat.edit(channel, message.ts, text)} close={() => (setMode("shown"), toComposer())} /> : <p class="text">{message.text}</p>}
          {message.state === "refused" && (
            <p class="wrong" role="alert">
              Not sent. {message.why} <button type="button" onClick={() => chat.send(channel, message.text, message.key)}>Send again</button> <button type="button" onClick={() => chat.discard(channel, message.key)}>Discard</button>
            </p>
          )}
          {message.reactions.length > 0 && (
            <div class="row">
              <Reactions chat={chat} channel={channel} message={message} />
            </div>
          )}
          {message.state === "stored" && (
            <div class="actions" role="group" aria-label="Actions">
              <Signs chat={chat} channel={channel} message={message} />
              {message.user === chat.self && (
                <button type="button" onClick={() => setMode("edited")}>
                  Edit
                </button>
              )}
              {message.user === chat.self &&
                (mode === "leaving" ? (
                  <button type="button" class="danger" onBlur={() => setMode("shown")} onClick={() => (toComposer(), void chat.remove(channel, message.ts))}>
                    Really delete
                  </button>
                ) : (
                  <button type="button" onClick={() => setMode("leaving")}>
                    Delete
                  </button>
                ))}
            </div>
          )}
        </li>
      </>
    ),
    [message, name, newDay, journey, mode, presence],
  );
}
