/** What a call, or the sending of a message, was refused with. */
export class RingwayError extends Error {
  override name = "RingwayError";
  /** documented in docs/protocol.md, or one of this client's own: `queue_full`, `closed`, `no_answer` */
  readonly code: string;
  /** when it may be tried again, ms; undefined: nobody knows */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, retryAfterMs?: number, detail = "") {
    super(detail === "" ? code : `${code}: ${detail}`);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
