/**
 * Client frames (docs/protocol.md): JSON text frames in the shape of Slack's publicly documented RTM. Everything
 * Ringway adds starts with `x_` and is additive.
 */

/** Why a client frame was refused: `{ok: false, reply_to, error: {code, msg}}`. Codes 1 and 2 are Slack's own. */
export const clientErrors = {
  bad_json: [1, "the frame is not a JSON object"],
  no_text: [2, "message text is missing"],
  bad_frame: [3, "the frame is not valid"],
  unknown_type: [4, "unknown frame type"],
  channel_not_found: [5, "unknown channel, or you are not a member"],
  msg_too_long: [6, "text is longer than 40,000 characters"],
  rate_limited: [7, "too many at once; send it again after x_retry_after_ms"],
  store_unavailable: [8, "the store does not answer; the message was not stored"],
  unavailable: [9, "no server can take the message now; try again with the same client_msg_id"],
  too_many_users: [10, "presence_sub takes at most 500 users"],
} as const satisfies Record<string, readonly [number, string]>;
export type ClientError = keyof typeof clientErrors;

/** Close codes of a client socket. 4000–4099: reconnect (by rtm.connect) and resume; 4100–4199: don't. */
export const closeCodes = {
  /** after `goodbye`: this gateway drains or stops; reconnect after `x_delay_ms` */
  goodbye: 1000,
  /** the frame is binary or not what the protocol says */
  protocol: 1002,
  too_large: 1009,
  /** the socket did not read fast enough (limits.socketQueueBytes) */
  slow_consumer: 4008,
  /** no frame and no pong within the heartbeat's deadline */
  silent: 4009,
  /** the session could not be set up now */
  try_again: 4013,
  /** the ticket is unknown, used or expired: get a new one */
  bad_ticket: 4101,
} as const;
export type CloseReason = keyof typeof closeCodes;
