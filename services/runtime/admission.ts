import type { IncomingMessage, ServerResponse } from "node:http";
import { limits } from "../protocol/limits.ts";

/** The requests that a door serves at one time, and the bodies that come with them: what would be too many is refused before its body is read. */
export class Admission {
  #requests = 0;
  #bytes = 0;

  /**
   * Holds room for a request until its response is over.
   * @param bodyBytes bound of its body, which one of unknown length may use up
   * @returns whether there was room
   */
  admit(req: IncomingMessage, res: ServerResponse, bodyBytes: number): boolean {
    const { "content-length": length = 0, "transfer-encoding": encoding } = req.headers;
    const bytes = encoding === undefined ? Math.min(Number(length), bodyBytes) : bodyBytes;
    if (this.#requests >= limits.doorRequests || (bytes > 0 && this.#bytes + bytes > limits.doorBodyBytes)) return false;
    this.#requests++;
    this.#bytes += bytes;
    res.once("close", () => {
      this.#requests--;
      this.#bytes -= bytes;
    });
    return true;
  }
}
