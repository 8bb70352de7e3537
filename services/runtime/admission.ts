import type { ServerResponse } from "node:http";
import { limits } from "../protocol/limits.ts";

/** A request that was admitted. */
export interface Admitted {
  /** Holds room for bytes of its body that have come. @returns false where there is none: the request is to be refused */
  hold(bytes: number): boolean;
}

/** The requests that a door serves at one time, and the bytes of their bodies that are here: what would be too many is refused. */
export class Admission {
  #requests = 0;
  #bytes = 0;

  /** Holds room for a request until its response is over. What counts of its body is what has come of it: what is only announced takes nobody's room. */
  admit(res: ServerResponse): Admitted | undefined {
    if (this.#requests >= limits.doorRequests) return undefined;
    this.#requests++;
    let held = 0;
    let isOver = false;
    res.once("close", () => {
      isOver = true;
      this.#requests--;
      this.#bytes -= held;
    });
    return {
      hold: (bytes) => {
        if (isOver || this.#bytes + bytes > limits.doorBodyBytes) return false;
        this.#bytes += bytes;
        held += bytes;
        return true;
      },
    };
  }
}
