import { useEffect, useState } from "preact/hooks";
import { Age } from "./age.tsx";
import { follow } from "./api.ts";
import { Change, type Opening } from "./change.tsx";
import { Charts } from "./charts.tsx";
import { Decisions } from "./decisions.tsx";
import { Envoys } from "./envoys.tsx";
import { LookUp } from "./look-up.tsx";
import { Ring } from "./ring.tsx";
import { Servers } from "./servers.tsx";
import { TokenForm } from "./token-form.tsx";
import { dropToken, type Given, keepToken, takeToken } from "./token.ts";
import { UnderWay } from "./under-way.tsx";
import { see, type Watched } from "./watched.ts";

export function App() {
  const [{ token, why }, setGiven] = useState<Given>(takeToken);
  if (token === undefined) {
    const use = (given: string): void => {
      keepToken(given);
      setGiven({ token: given });
    };
    return <TokenForm why={why} onToken={use} />;
  }
  const leave = (reason?: string): void => {
    dropToken();
    setGiven({ token: undefined, ...(reason === undefined ? {} : { why: reason }) });
  };
  return <Console token={token} onLeave={leave} />;
}

function Console({ token, onLeave }: { readonly token: string; readonly onLeave: (why?: string) => void }) {
  const [watched, setWatched] = useState<Watched>();
  const [problem, setProblem] = useState<string>();
  const [opening, setOpening] = useState<Opening>();
  useEffect(
    () =>
      follow(
        token,
        (snapshot) => setWatched((before) => see(before, snapshot, performance.now())),
        (refused) => (refused?.status === 401 ? onLeave("That is not the operator's token.") : setProblem(refused?.message)),
      ),
    [token],
  );
  return (
    <>
      <header>
        <h1>Ringway console</h1>
        <p>{watched === undefined ? "Looking at the plane …" : <><Where watched={watched} /><Age at={watched.at} /></>}</p>
        <button type="button" onClick={() => setOpening({ server: "", wish: "drain" })} disabled={watched === undefined}>Change the ring …</button>
        <button type="button" onClick={() => onLeave()}>Forget the token</button>
      </header>
      <main>
        {problem !== undefined && <p class="problem" role="alert">{problem} What is shown is the last that was seen.</p>}
        {watched !== undefined && (
          <>
            {watched.last.charm === null && <p class="problem" role="alert">charm does not answer: the ring stays as it is, and nothing can be changed.</p>}
            <UnderWay watched={watched} />
            <Ring last={watched.last} />
            <Servers last={watched.last} onChange={setOpening} />
            <Charts history={watched.history} />
            <LookUp token={token} />
            <Decisions decisions={watched.decisions} />
            <Envoys last={watched.last} />
            {opening !== undefined && <Change token={token} watched={watched} opening={opening} onClose={() => setOpening(undefined)} />}
          </>
        )}
      </main>
    </>
  );
}

function Where({ watched: { last } }: { readonly watched: Watched }) {
  const { servers, epoch, charm, figures } = last;
  const silent = servers.filter(({ state, stale }) => state !== "down" && stale).length;
  const down = servers.filter(({ state }) => state === "down").length;
  return (
    <>
      Epoch {epoch ?? "none yet"} · {servers.length} servers{down > 0 && `, ${down} down`}{silent > 0 && `, ${silent} do not answer`} · {figures.sessions} sessions{charm !== null && !charm.leading && " · this charm does not lead"}
    </>
  );
}
