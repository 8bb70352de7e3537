import { useEffect, useRef, useState } from "preact/hooks";
import type { Preview } from "../../protocol/operator.ts";
import type { Pool } from "../../protocol/topology.ts";
import { call, Refused } from "./api.ts";
import { Moves } from "./moves.tsx";
import { Progress } from "./progress.tsx";
import { pools } from "./shares.ts";
import type { Watched } from "./watched.ts";
import { inWords, missing, previewBody, request, type Wish, wishes, type WishName } from "./wish.ts";

export interface Opening {
  readonly server: string;
  readonly wish: WishName;
}

type Stage = { readonly at: "asking" } | { readonly at: "preview"; readonly wish: Wish; readonly preview: Preview } | { readonly at: "done"; readonly wish: Wish; readonly preview: Preview; readonly since: Watched };

/** One change: what is wished for, what it would move, and, once it is confirmed, how far it is. */
export function Change({ token, watched, opening, onClose }: { readonly token: string; readonly watched: Watched; readonly opening: Opening; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [wish, setWish] = useState<WishName>(opening.wish);
  const [stage, setStage] = useState<Stage>({ at: "asking" });
  const [problem, setProblem] = useState<string>();
  useEffect(() => dialog.current?.showModal(), []);

  const trying = async (work: () => Promise<void>): Promise<void> => {
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(error instanceof Refused ? error.message : String(error));
    }
  };
  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => String(form.get(name) ?? "").trim();
    const wished: Wish = { wish, server: field("server"), weight: field("weight"), pool: (field("pool") || "channel") as Pool, id: field("id") };
    setStage({ at: "asking" });
    const lacks = missing(wished);
    if (lacks !== undefined) return setProblem(lacks);
    void trying(async () => setStage({ at: "preview", wish: wished, preview: await call<Preview>(token, "preview", "POST", previewBody(wished)) }));
  };
  const confirm = ({ wish: wished, preview }: { readonly wish: Wish; readonly preview: Preview }): Promise<void> =>
    trying(async () => {
      const { path, body } = request(wished);
      await call(token, path, "PUT", body);
      setStage({ at: "done", wish: wished, preview, since: watched });
    });

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="change">
      <h2 id="change">Change the ring</h2>
      {stage.at === "done" ? (
        <Progress {...stage} watched={watched} />
      ) : (
        <form onSubmit={ask} onInput={() => setStage({ at: "asking" })}>
          <Fields wish={wish} onWish={setWish} server={opening.server} servers={watched.last.servers.map(({ id }) => id)} />
          {problem !== undefined && <p class="problem" role="alert">{problem}</p>}
          <button type="submit">Preview</button>
        </form>
      )}
      {stage.at === "preview" && (
        <div role="group" aria-label="Preview">
          <p>{inWords(stage.wish)}</p>
          <Moves preview={stage.preview} last={watched.last} />
          <button type="button" class="confirm" onClick={() => void confirm(stage)}>Confirm</button>
        </div>
      )}
      <button type="button" onClick={() => dialog.current?.close()}>{stage.at === "done" ? "Close" : "Cancel"}</button>
    </dialog>
  );
}

function Fields({ wish, onWish, server, servers }: { readonly wish: WishName; readonly onWish: (wish: WishName) => void; readonly server: string; readonly servers: readonly string[] }) {
  return (
    <div class="fields">
      <label>What <select name="wish" value={wish} onChange={(event) => onWish(event.currentTarget.value as WishName)}>{wishes.map((each) => <option key={each} value={each}>{each}</option>)}</select></label>
      {wish !== "unpin" && (
        <label>Server <input name="server" defaultValue={server} list="server-ids" autocomplete="off" spellcheck={false} /></label>
      )}
      <datalist id="server-ids">{servers.map((id) => <option key={id} value={id} />)}</datalist>
      {wish === "weight" && <label>Weight <input name="weight" inputMode="numeric" autocomplete="off" placeholder="0 … 65535" /></label>}
      {(wish === "pin" || wish === "unpin") && (
        <>
          <label>Pool <select name="pool">{pools.map((pool) => <option key={pool} value={pool}>{pool}</option>)}</select></label>
          <label>ID whose slot it is <input name="id" autocomplete="off" spellcheck={false} placeholder="C0GENERAL" /></label>
        </>
      )}
    </div>
  );
}
