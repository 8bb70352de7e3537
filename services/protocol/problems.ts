/**
 * Every refusal that a server door (mesh, link, registry, charm) gives, with its HTTP status. Bodies are
 * RFC 9457 `application/problem+json`: `{type, title, status, reason, detail?}`; `reason` is a key of this table.
 */
export const problems = {
  bad_json: [400, "The body is not valid JSON"],
  bad_request: [400, "The request is not valid"],
  bad_id: [400, "The ID is not 1..64 characters of [A-Za-z0-9_-]"],
  bad_ticket: [401, "The ticket is unknown, used or expired"],
  bad_token: [401, "The operator's token is missing or wrong"],
  not_found: [404, "There is nothing at this path"],
  method_not_allowed: [405, "This path does not take that method"],
  message_not_found: [404, "There is no message with that ts"],
  cant_update_message: [403, "Only its author may change the message"],
  already_reacted: [409, "That reaction is there already"],
  no_reaction: [409, "That reaction is not there"],
  too_many_reactions: [409, "The message holds as many reactions as it takes"],
  body_too_large: [413, "The body is larger than this door takes"],
  msg_too_long: [413, "The text is longer than 40,000 characters"],
  misdirected: [421, "This server does not own that slot"],
  rate_limited: [429, "Too many requests; see Retry-After"],
  internal: [500, "An internal error; the request was not carried out"],
  store_unavailable: [503, "The store does not answer; nothing was acked"],
  ring_unavailable: [503, "No topology is known yet"],
  unavailable: [503, "The server is starting or stopping"],
  overloaded: [503, "The server holds as much as it can; see Retry-After"],
} as const satisfies Record<string, readonly [number, string]>;

export type Reason = keyof typeof problems;

export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly reason: Reason;
  readonly detail?: string;
}

/** The problem body of a reason. */
export function problem(reason: Reason, detail?: string): Problem {
  const [status, title] = problems[reason];
  return { type: "about:blank", title, status, reason, ...(detail === undefined ? {} : { detail }) };
}

/** A peer's fault: thrown inside a door, answered there as its problem, never crossing `state.ts`. */
export class ProtocolError extends Error {
  readonly reason: Reason;
  readonly detail: string | undefined;
  constructor(reason: Reason, detail?: string) {
    super(detail === undefined ? reason : `${reason}: ${detail}`);
    this.name = "ProtocolError";
    this.reason = reason;
    this.detail = detail;
  }
}
