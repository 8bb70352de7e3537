import { useRef, useState } from "preact/hooks";
import type { ChannelFound, GatewayCount, UserFound } from "../snapshot.ts";
import { call, Refused } from "./api.ts";
import { Latest } from "./latest.ts";

type Found = ChannelFound | UserFound;

export function LookUp({ token }: { readonly token: string }) {
  const [found, setFound] = useState<Found>();
  const [problem, setProblem] = useState<string>();
  const questions = useRef(new Latest());
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [kind, id] = [String(form.get("kind")), String(form.get("id")).trim()];
    const isNewest = questions.current.next();
    setFound(undefined);
    setProblem(undefined);
    if (id === "") return setProblem("Which one? Give an ID.");
    try {
      const answer = await call<Found>(token, `${kind}/${encodeURIComponent(id)}`);
      if (isNewest()) setFound(answer);
    } catch (error) {
      if (isNewest()) setProblem(error instanceof Refused ? error.message : String(error));
    }
  };
  return (
    <section aria-labelledby="look-up">
      <h2 id="look-up">Look up</h2>
      <form class="line" onSubmit={(event) => void submit(event)}>
        <label>What <select name="kind"><option value="channels">channel</option><option value="users">user</option></select></label>
        <label>ID <input name="id" autocomplete="off" spellcheck={false} placeholder="C0GENERAL" aria-invalid={problem !== undefined} aria-describedby="look-up-problem" /></label>
        <button type="submit">Look up</button>
      </form>
      <div aria-live="polite">
        {problem !== undefined && <p class="problem" id="look-up-problem" role="alert">{problem}</p>}
        {found !== undefined && (found.kind === "channel" ? <Channel found={found} /> : <User found={found} />)}
      </div>
    </section>
  );
}

function Channel({ found: { id, slot, epoch, owner, preference, pinned, served, problem, subscribers } }: { readonly found: ChannelFound }) {
  return (
    <dl class="found" aria-label={`Channel ${id}`}>
      <dt>Channel</dt><dd>{id}</dd>
      <dt>Slot</dt><dd>{slot} of epoch {epoch}{pinned && ", pinned"}</dd>
      <dt>Owner</dt><dd>{owner ?? "nobody"}</dd>
      <dt>Preference</dt><dd>{preference.join(", ")}</dd>
      <dt>Served by</dt><dd>{served === null ? problem : served.by}</dd>
      {served !== null && <><dt>Last offset</dt><dd>{served.last_offset}</dd><dt>Last ts</dt><dd>{served.last_ts || "–"}</dd></>}
      <dt>Subscribers</dt><dd><Counts list={subscribers} /></dd>
    </dl>
  );
}

function User({ found: { id, slot, epoch, gateway, presence, says, problem, sessions } }: { readonly found: UserFound }) {
  return (
    <dl class="found" aria-label={`User ${id}`}>
      <dt>User</dt><dd>{id}</dd>
      <dt>Slot</dt><dd>{slot} of epoch {epoch}</dd>
      <dt>Gateway</dt><dd>{gateway.preference.join(", ")}</dd>
      <dt>Presence server</dt><dd>{presence.preference.join(", ")}</dd>
      <dt>Presence</dt><dd>{says === null ? problem : `${says.presence}${says.online ? ", online" : ", not online"}${says.manual_away ? ", away by choice" : ""}`}</dd>
      <dt>Sessions</dt><dd><Counts list={sessions} /></dd>
    </dl>
  );
}

function Counts({ list }: { readonly list: readonly GatewayCount[] }) {
  return <>{list.map(({ gateway, count, last }) => `${gateway}: ${count ?? "does not answer"}${last === null ? "" : ` (up to offset ${last})`}`).join("; ") || "there is no gateway"}</>;
}
