/** charm's operator door, from here. */
import { leadingCharm } from "../observe/charm.ts";
import { ProtocolError } from "../protocol/problems.ts";
import type { Reply } from "../runtime/http.ts";
import { ask, type Answer, type Ask } from "../runtime/request.ts";

const answerMs = 3_000;
/** How long one is asked before another may lead, ms. */
const chosenMs = 1_000;

export class CharmDoor {
  readonly #urls: string;
  #chosen: Promise<string> | undefined;
  #chosenUntil = 0;

  /** @param urls of one, or of several with commas */
  constructor(urls: string) {
    this.#urls = urls;
  }

  /** @throws ProtocolError unavailable */
  async ask(path: string, options: Ask = {}): Promise<Answer> {
    try {
      return await ask((await this.#url()) + path, { timeoutMs: answerMs, ...options });
    } catch (error) {
      throw new ProtocolError("unavailable", `charm does not answer (${(error as NodeJS.ErrnoException).code ?? "no answer"})`);
    }
  }

  /** An answer's JSON. @throws ProtocolError unavailable, also where charm has nothing to say yet */
  async read(path: string, options: Ask = {}): Promise<unknown> {
    const answer = await this.ask(path, options);
    if (answer.status !== 200) throw new ProtocolError("unavailable", `charm answers ${answer.status} to ${path}`);
    return answer.json;
  }

  /** charm's own answer to a request that is passed on, its refusals with their reasons included. */
  async pass(path: string, options: Ask): Promise<Reply> {
    const { status, headers, bytes } = await this.ask(path, options);
    return { status, headers: { "content-type": String(headers["content-type"] ?? "application/json") }, body: bytes };
  }

  #url(): Promise<string> {
    if (this.#chosen === undefined || performance.now() > this.#chosenUntil) {
      this.#chosenUntil = Infinity;
      this.#chosen = leadingCharm(this.#urls).finally(() => (this.#chosenUntil = performance.now() + chosenMs));
    }
    return this.#chosen;
  }
}
