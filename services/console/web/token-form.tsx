import { useState } from "preact/hooks";

export function TokenForm({ why, onToken }: { readonly why: string | undefined; readonly onToken: (token: string) => void }) {
  const [missing, setMissing] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get("token")).trim();
    // What cannot stand in a header is no token.
    if (/^[\x21-\x7e]+$/.test(given)) onToken(given);
    else setMissing(true);
  };
  const problem = missing ? "A token is visible characters without spaces." : why;
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
