import { RingwayError } from "./errors.ts";

/** A token, or what gives one: asked again, with `refused`, when a token is not taken any more. */
export type TokenSource = string | ((why: "first" | "refused") => string | Promise<string>);

export interface CallOptions {
  /** a browser sends it even where the page goes away. Its body must be small */
  readonly keepalive?: boolean;
}

const answerWithinMs = 15_000;
const refusals = new Set(["invalid_auth", "not_authed", "token_expired", "token_revoked"]);

/** The Web API, with the token of its user. */
export class WebApi {
  readonly #base: string;
  readonly #source: TokenSource;
  #token: Promise<string> | undefined;

  /** @param base where Ringway is, as `https://chat.example.org` */
  constructor(base: string, source: TokenSource) {
    this.#base = base.replace(/\/+$/, "");
    this.#source = source;
  }

  /**
   * @throws RingwayError with the method's documented error; `no_answer` where there was none
   */
  async call(method: string, args: Readonly<Record<string, unknown>> = {}, options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    const token = (this.#token ??= this.#ask("first"));
    const answer = await this.#post(method, args, await token, options);
    const { error } = answer;
    if (error === undefined) return answer.json;
    if (!refusals.has(error.code) || typeof this.#source === "string") throw error;
    // Whoever comes first asks for another; all others wait for the same.
    if (this.#token === token) this.#token = this.#ask("refused");
    const second = await this.#post(method, args, await this.#token, options);
    if (second.error !== undefined) throw second.error;
    return second.json;
  }

  #ask(why: "first" | "refused"): Promise<string> {
    const source = this.#source;
    // In a turn of its own: a source that throws at once must find the promise in its place.
    const asked: Promise<string> = Promise.resolve().then(() => (typeof source === "string" ? source : source(why)));
    asked.catch(() => {
      if (this.#token === asked) this.#token = undefined;
    });
    return asked;
  }

  async #post(method: string, args: Readonly<Record<string, unknown>>, token: string, { keepalive = false }: CallOptions): Promise<{ readonly json: Readonly<Record<string, unknown>>; readonly error?: RingwayError }> {
    let response: Response;
    let json: Record<string, unknown>;
    try {
      response = await fetch(`${this.#base}/api/${method}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify(args),
        keepalive,
        signal: AbortSignal.timeout(answerWithinMs),
      });
      json = (await response.json()) as Record<string, unknown>;
    } catch (error) {
      throw new RingwayError("no_answer", undefined, (error as Error).message);
    }
    if (json["ok"] === true) return { json };
    const after = Number(response.headers.get("retry-after"));
    const code = typeof json["error"] === "string" ? json["error"] : typeof json["reason"] === "string" ? json["reason"] : `http_${response.status}`;
    return { json, error: new RingwayError(code, after > 0 ? after * 1_000 : undefined) };
  }
}
