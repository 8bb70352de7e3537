import { useEffect, useRef, useState } from "preact/hooks";
import type { Preview } from "../../protocol/operator.ts";
import type { Pool } from "../../protocol/topology.ts";
import { call, Refused } from "./api.ts";
import { Latest } from "./latest.ts";
import { Moves } from "./moves.tsx";
import { Progress } from "./progress.tsx";
import { askedAgain, type Proposal } from "./proposal.ts";
import { pools } from "./shares.ts";
import type { Watched } from "./watched.ts";
import { inWords, missing, previewBody, request, type Wish, wishes, type WishName } from "./wish.ts";

export interface Opening {
  readonly server: string;
  readonly wish: WishName;
}

type Stage =
  | { readonly at: "asking" }
  | { readonly at: "preview"; readonly proposal: Proposal }
  /** confirmed, and on its way: nothing can be changed until charm has answered */
  | { readonly at: "sent"; readonly proposal: Proposal }
  | { readonly at: "done"; readonly proposal: Proposal; readonly since: Watched };

/** One change: what is wished for, what it would move, and, once it is confirmed, how far it is. */
export function Change({ token, watched, opening, onClose }: { readonly token: string; readonly watched: Watched; readonly opening: Opening; readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [wish, setWish] = useState<WishName>(opening.wish);
  const [stage, setStage] = useState<Stage>({ at: "asking" });
  const [problem, setProblem] = useState<string>();
  const questions = useRef(new Latest());
  /** as it is when an answer has come, not when it was asked for */
  const seen = useRef(watched);
  seen.current = watched;
  useEffect(() => dialog.current?.showModal(), []);

  const preview = (wished: Wish): Promise<Preview> => call<Preview>(token, "preview", "POST", previewBody(wished));
  /** What comes of the newest question; where it fails, why, and `otherwise`. */
  const trying = async (work: () => Promise<Stage>, otherwise: Stage): Promise<void> => {
    const isNewest = questions.current.next();
    const show = (next: Stage, why?: string): void => {
      if (!isNewest()) return;
      setStage(next);
      setProblem(why);
    };
    try {
      show(await work());
    } catch (error) {
      show(otherwise, error instanceof Refused ? error.message : String(error));
    }
  };
  const edited = (): void => {
    questions.current.next();
    setStage({ at: "asking" });
    setProblem(undefined);
  };
  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string): string => String(form.get(name) ?? "").trim();
    const wished: Wish = { wish, server: field("server"), weight: field("weight"), pool: (field("pool") || "channel") as Pool, id: field("id") };
    edited();
    const lacks = missing(wished);
    if (lacks !== undefined) return setProblem(lacks);
    void trying(async () => ({ at: "preview", proposal: { wish: wished, preview: await preview(wished) } }), { at: "asking" });
  };
  const confirm = (proposal: Proposal): void => {
    setStage({ at: "sent", proposal });
    setProblem(undefined);
    const isMoving = (watched.last.charm?.rebalance ?? null) !== null;
    const send = async (): Promise<Stage> => {
      const again = askedAgain(proposal, await preview(proposal.wish), isMoving);
      if (again !== undefined) return { at: "preview", proposal: again };
      const { path, body } = request(proposal.wish);
      await call(token, path, "PUT", body);
      return { at: "done", proposal, since: seen.current };
    };
    void trying(send, { at: "preview", proposal });
  };

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="change">
      <h2 id="change">Change the ring</h2>
      {stage.at === "done" ? (
        <Progress {...stage.proposal} since={stage.since} watched={watched} />
      ) : (
        <form onSubmit={ask} onInput={edited}>
          <fieldset disabled={stage.at === "sent"}>
            <Fields wish={wish} onWish={setWish} server={opening.server} servers={[...new Set(watched.last.servers.map(({ id }) => id))]} />
            {problem !== undefined && <p class="problem" role="alert">{problem}</p>}
            <button type="submit">Preview</button>
          </fieldset>
        </form>
      )}
      {(stage.at === "preview" || stage.at === "sent") && (
        <div role="group" aria-label="Preview">
          <p>{inWords(stage.proposal.wish)}</p>
          {stage.proposal.instead !== undefined && <p class="problem" role="alert">The ring has changed since you were asked (epoch {stage.proposal.instead}, now {stage.proposal.preview.epoch}). This is what would move now.</p>}
          <Moves preview={stage.proposal.preview} last={watched.last} />
          <button type="button" class="confirm" disabled={stage.at === "sent"} onClick={() => confirm(stage.proposal)}>Confirm</button>
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
