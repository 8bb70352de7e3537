/** The filter's own answers: problem bodies with a machine-readable reason, all made at start. */
import { Bytes, PairWriter, sendLocalResponse } from "proxy-wasm-as";

const CONTENT_TYPE = Bytes.of("content-type");
const PROBLEM_JSON = Bytes.of("application/problem+json");
const REASON = Bytes.of("x-ringway-reason");
const RETRY_AFTER = Bytes.of("retry-after");
const ONE_SECOND = Bytes.of("1");

export class Refusal {
  private reason: Bytes;
  private body: Bytes;
  private headers: PairWriter = new PairWriter(256);

  constructor(private status: i32, reason: string, title: string, retry: bool) {
    this.reason = Bytes.of(reason);
    this.body = Bytes.of(
      '{"type":"about:blank","title":"' + title + '","status":' + status.toString() + ',"reason":"' + reason + '"}',
    );
    this.headers.begin(retry ? 3 : 2);
    this.headers.add(CONTENT_TYPE, PROBLEM_JSON.ptr, PROBLEM_JSON.len);
    this.headers.add(REASON, this.reason.ptr, this.reason.len);
    if (retry) this.headers.add(RETRY_AFTER, ONE_SECOND.ptr, ONE_SECOND.len);
  }

  /** Answers the running stream. */
  send(): void {
    sendLocalResponse(this.status, this.reason, this.body, this.headers.ptr, this.headers.len);
  }
}

export const badId = new Refusal(400, "bad_id", "The ID is not 1..64 characters of [A-Za-z0-9_-]", false);
export const badTicket = new Refusal(400, "bad_ticket", "The ticket is not of the form <user>.<secret>", false);
export const ringUnavailable = new Refusal(503, "ring_unavailable", "No topology is known yet", true);
export const noServer = new Refusal(503, "no_server", "No server of that pool takes requests", true);
export const unknownServer = new Refusal(503, "unknown_server", "No server of that pool has this ID", true);
