import { useState } from "preact/hooks";
import { wrongToken } from "./token.ts";

export function TokenForm({ why, onToken }: { readonly why: string | undefined; readonly onToken: (token: string) => void }) {
  const [wrong, setWrong] = useState<string>();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get("token")).trim();
    const reason = wrongToken(given);
    if (reason === undefined) onToken(given);
    else setWrong(reason);
  };
  const problem = wrong ?? why;
  return (
    <main class="door">
      <h1>Ringway console</h1>
      <form onSubmit={submit}>
        <label for="token">Operator's token</label>
        <input id="token" name="token" type="password" autocomplete="off" spellcheck={false} aria-describedby="token-help" aria-invalid={problem !== undefined} />
        <p id="token-help">It is RINGWAY_OPERATOR_TOKEN of the console; npm start prints an address that holds it.</p>
        {problem !== undefined && <p class="problem" role="alert">{problem}</p>}
        <button type="submit">Open</button>
      </form>
    </main>
  );
}
