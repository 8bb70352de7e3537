import type { Reason } from "../protocol/problems.ts";

/**
 * Every error the Web API answers: `{ok: false, error}` with HTTP 200 (429 for `ratelimited`). Names are those that are
 * publicly documented for the same fault, wherever one is.
 */
export const apiErrors = {
  // the call
  unknown_method: "there is no such method",
  method_not_allowed: "only GET and POST are served",
  missing_post_type: "the body has no Content-Type",
  invalid_post_type: "the body is neither application/json nor application/x-www-form-urlencoded",
  invalid_json: "the body is not valid JSON",
  json_not_object: "the JSON body is not an object",
  invalid_form_data: "the body (its length, its encoding) or the Host header could not be read",
  request_too_large: "the body is larger than 256 KiB",
  invalid_arguments: "an argument is missing or not valid; response_metadata.messages names it",
  invalid_cursor: "the cursor was not made by this method",
  invalid_limit: "limit is not a whole number from 0 to 1000",
  // who calls
  not_authed: "there is no token",
  invalid_auth: "the token is unknown or revoked",
  // what is called upon
  channel_not_found: "no such channel, or it is private and the caller is no member",
  not_in_channel: "the caller is no member of the channel",
  user_not_found: "no such user",
  bot_not_found: "no such bot",
  message_not_found: "no message with that ts",
  // what is asked
  no_text: "there is neither text nor blocks nor attachments",
  msg_too_long: "the text is longer than 40,000 characters",
  invalid_blocks_format: "blocks is not a JSON array",
  invalid_attachments: "attachments is not a JSON array",
  invalid_ts_latest: "latest is not a timestamp",
  invalid_ts_oldest: "oldest is not a timestamp",
  invalid_timestamp: "ts is not a timestamp",
  bad_timestamp: "timestamp is not a timestamp",
  invalid_types: "types names an unknown type",
  invalid_presence: "presence is neither auto nor away",
  invalid_name: "the name is not valid",
  invalid_name_maxlength: "the name is longer than 80 characters",
  invalid_name_punctuation: "the name holds nothing but punctuation",
  invalid_name_specials: "the name holds something else than a–z, 0–9, '-' and '_'",
  name_taken: "a channel has that name",
  cant_update_message: "only its author may change the message",
  cant_delete_message: "only its author may delete the message",
  already_reacted: "the caller reacted with that name before",
  no_reaction: "the caller did not react with that name",
  too_many_reactions: "the message holds 64 KiB of reactions",
  already_in_channel: "the user is a member already",
  cant_invite_self: "nobody invites themselves",
  cant_kick_self: "nobody kicks themselves",
  restricted_action: "only the channel's creator may do this",
  method_not_supported_for_channel_type: "this kind of channel does not take that",
  users_list_not_supplied: "there is neither users nor channel",
  too_many_users: "more users than a group conversation holds",
  // the world
  ratelimited: "too many requests; see Retry-After (HTTP 429)",
  service_unavailable: "the message or change was not taken now; see Retry-After and try again with the same client_msg_id",
  internal_error: "an internal error; the request was not carried out",
} as const;
export type ApiErrorCode = keyof typeof apiErrors;

/** A refusal of the Web API: thrown by a method, answered at the door. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number;
  /**
   * @param extra further fields of the answer, e.g. `response_metadata`
   * @param retryAfterMs said by `ratelimited` and `service_unavailable`, in whole seconds
   */
  constructor(code: ApiErrorCode, extra: Readonly<Record<string, unknown>> = {}, retryAfterMs = 1_000) {
    super(code);
    this.name = "ApiError";
    this.code = code;
    this.extra = extra;
    this.retryAfterMs = retryAfterMs;
  }
}

/** @param reason what is missing, where that is known */
export function serviceUnavailable(reason?: Reason): ApiError {
  return new ApiError("service_unavailable", reason === undefined ? {} : { x_reason: reason });
}

/** `invalid_arguments` with its reasons, in the documented shape. */
export function invalidArguments(...reasons: readonly string[]): ApiError {
  return new ApiError("invalid_arguments", { response_metadata: { messages: reasons.map((reason) => `[ERROR] ${reason}`) } });
}
