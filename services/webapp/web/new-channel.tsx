import { useState } from "preact/hooks";
import type { Chat } from "./chat.ts";
import { wrongName } from "./complaints.ts";

export function NewChannel({ chat, made }: { readonly chat: Chat; readonly made: () => void }) {
  const [name, setName] = useState("");
  const [wrong, setWrong] = useState("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const found = wrongName(name) ?? (await chat.create(name));
    setWrong(found ?? "");
    if (found !== undefined) return;
    setName("");
    made();
  };
  return (
    <form class="new-channel" onSubmit={(event) => void submit(event)} noValidate>
      <label for="new-channel">New channel</label>
      <div class="row">
        <input id="new-channel" autocomplete="off" value={name} aria-invalid={wrong !== ""} aria-describedby="new-channel-wrong" onInput={({ currentTarget }) => setName(currentTarget.value)} />
        <button type="submit">Make</button>
      </div>
      <p id="new-channel-wrong" class="wrong" role="alert">
        {wrong}
      </p>
    </form>
  );
}
