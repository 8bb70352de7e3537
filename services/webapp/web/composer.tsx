import { useState } from "preact/hooks";
import type { Chat } from "./chat.ts";
import { wrongText } from "./complaints.ts";
import type { Channel } from "./reads.ts";

/** Where one writes. Enter sends, Shift+Enter begins a line. */
export function Composer({ chat, channel }: { readonly chat: Chat; readonly channel: Channel }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    const found = wrongText(text);
    setWrong(found ?? "");
    if (found !== undefined) return;
    chat.send(channel.id, text);
    setText("");
  };
  const title = chat.titleOf(channel);
  return (
    <form class="composer" onSubmit={submit} noValidate>
      <label class="hidden" for="write">
        Message to {title}
      </label>
      <div class="row">
        <textarea
          id="write"
          rows={1}
          placeholder={`Message to ${title}`}
          value={text}
          aria-invalid={wrong !== ""}
          aria-describedby="write-wrong"
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            if (currentTarget.value !== "") chat.typing(channel.id);
          }}
          onKeyDown={(event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && submit(event)}
        />
        <button type="submit" class="strong">
          Send
        </button>
      </div>
      <p id="write-wrong" class="wrong" role="alert">
        {wrong}
      </p>
    </form>
  );
}
