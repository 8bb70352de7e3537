import { useEffect, useState } from "preact/hooks";
import { wrongToken } from "./complaints.ts";
import { demoUsers, type DemoUser } from "./token.ts";

interface Props {
  readonly busy: boolean;
  /** why it did not work, "" where it did */
  readonly wrong: string;
  readonly enter: (token: string) => void;
}

/** Who are you? One of the development users by a click, anybody else by a token. */
export function SignIn({ busy, wrong, enter }: Props) {
  const [users, setUsers] = useState<readonly DemoUser[]>([]);
  const [token, setToken] = useState("");
  const [mistake, setMistake] = useState("");
  useEffect(() => void demoUsers().then(setUsers), []);
  const complaint = mistake || wrong;

  const submit = (event: Event): void => {
    event.preventDefault();
    const found = wrongToken(token.trim());
    setMistake(found ?? "");
    if (found === undefined) enter(token.trim());
  };

  return (
    <main class="sign-in">
      <h1>Ringway chat</h1>
      {users.length > 0 && (
        <section aria-labelledby="pick">
          <h2 id="pick">Be somebody of the demo</h2>
          <ul class="people">
            {users.map(({ name, realName, token: theirs }) => (
              <li key={name}>
                <button type="button" disabled={busy} onClick={() => (setMistake(""), enter(theirs))}>
                  {realName}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <form onSubmit={submit} noValidate>
        <label for="token">{users.length > 0 ? "Or paste a token" : "Paste your token"}</label>
        <div class="row">
          <input id="token" type="password" autocomplete="off" spellcheck={false} value={token} aria-invalid={complaint !== ""} aria-describedby="token-wrong" onInput={({ currentTarget }) => setToken(currentTarget.value)} />
          <button type="submit" disabled={busy}>
            Enter
          </button>
        </div>
        <p id="token-wrong" class="wrong" role="alert">
          {complaint}
        </p>
        <p class="hint">It is kept until you close this tab.</p>
      </form>
    </main>
  );
}
