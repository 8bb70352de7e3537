import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { wrongText } from "./complaints.ts";
import type { Message } from "./timeline.ts";

interface Props {
  readonly message: Message;
  /** @returns what went wrong */
  readonly save: (text: string) => Promise<string | undefined>;
  readonly close: () => void;
}

/** Enter saves, Escape leaves it as it was. */
export function EditForm({ message, save, close }: Props) {
  const [text, setText] = useState(message.text);
  const [wrong, setWrong] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  // Before the next key comes.
  useLayoutEffect(() => {
    field.current!.focus();
    field.current!.setSelectionRange(message.text.length, message.text.length);
  }, []);
  const submit = async (): Promise<void> => {
    const found = wrongText(text) ?? (text === message.text ? undefined : await save(text));
    if (found === undefined) close();
    else setWrong(found);
  };
  const id = `edit-${message.ts}`;
  return (
    <form
      class="edit"
      noValidate
      onSubmit={(event) => (event.preventDefault(), void submit())}
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
        else if (event.key === "Enter" && !event.shiftKey && event.target === field.current) void submit();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <label class="hidden" for={id}>
        Edit your message
      </label>
      <textarea ref={field} id={id} rows={2} value={text} aria-invalid={wrong !== ""} aria-describedby={`${id}-wrong`} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      <p id={`${id}-wrong`} class="wrong" role="alert">
        {wrong}
      </p>
      <div class="row">
        <button type="submit">Save</button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  );
}
