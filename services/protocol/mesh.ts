/**
 * The server API on the mesh listener: what webapp and gateways ask of channel and presence servers, and gateways of
 * webapp. JSON both ways; refusals are problem bodies (problems.ts). The filter adds `x-ringway-slot` and
 * `x-ringway-epoch` to what it routes.
 *
 *   POST /v1/channels/{id}/messages              Publish → Published
 *   GET  /v1/channels/{id}/messages?latest=&oldest=&inclusive=&limit=   → History (newest first)
 *   GET  /v1/channels/{id}/messages/{ts}         → the message
 *   GET  /v1/channels/{id}/events?after=&limit=  → Events (oldest first)
 *   GET  /v1/channels/{id}                       → ChannelInfo
 *   POST /v1/channels/{id}/typing                {user} → 202
 *   GET  /v1/presence/users/{id}                 → PresenceInfo
 *   PUT  /v1/presence/users/{id}                 {presence: "auto" | "away", at} → PresenceInfo (`at`: Choice in choice.ts)
 *   POST /v1/sessions                            {ticket} → Session          (webapp)
 *   GET  /v1/users/{id}/channels                 → {channels: string[]}      (webapp)
 */

/** What a client said, as it is stored: the owner adds type, channel, user, ts, client_msg_id, x_off. */
export interface Draft {
  readonly text: string;
  readonly [field: string]: unknown;
}

/** `key` is the idempotency key (`client_msg_id`): a second Publish of the same user (or of none) with the same key answers with the first one's result. */
export type Publish =
  | { readonly kind: "message"; readonly user: string; readonly key: string; readonly draft: Draft; readonly origin?: number }
  | { readonly kind: "update"; readonly user: string; readonly key: string; readonly ts: string; readonly draft: Draft }
  | { readonly kind: "delete"; readonly user: string; readonly key: string; readonly ts: string }
  | { readonly kind: "react" | "unreact"; readonly user: string; readonly key: string; readonly ts: string; readonly name: string }
  /** A stored event for clients that is not a message, e.g. `{type: "member_joined_channel", …}`; the owner adds event_ts, x_off and, when `channel` is not this channel's ID, x_chan. */
  | { readonly kind: "event"; readonly key: string; readonly event: { readonly type: string; readonly [field: string]: unknown } }
  /** A stored event for gateways. */
  | { readonly kind: "control"; readonly key: string; readonly control: Control };

/**
 * Published to a user's own channel when a membership changes (`after`: deliver the channel's events beyond this offset), or
 * the user's choice of presence: it then reaches their gateways though the presence server that took it is lost.
 */
export type Control =
  | MembershipControl
  | { readonly presence: "auto" | "away"; readonly at: number };

export type MembershipControl = { readonly join: string; readonly after: number } | { readonly leave: string };

export interface Published {
  readonly channel: string;
  readonly offset: number;
  readonly ts: string;
  /** true when the key was known and nothing was appended */
  readonly duplicate: boolean;
  /** for message and update: the message as stored */
  readonly message?: Message;
}

/** A message in Slack's publicly documented shape, `x_off` added. */
export interface Message {
  readonly type: "message";
  readonly channel?: string;
  readonly user: string;
  readonly text: string;
  readonly ts: string;
  readonly client_msg_id?: string;
  readonly x_off: number;
  readonly [field: string]: unknown;
}

export interface History {
  readonly messages: readonly Message[];
  readonly has_more: boolean;
}

export interface Events {
  readonly head: number;
  readonly events: readonly { readonly offset: number; readonly kind: number; readonly event: unknown }[];
}

export interface ChannelInfo {
  readonly channel: string;
  readonly slot: number;
  readonly owner: string;
  readonly epoch: number;
  readonly fence: number;
  readonly head: number;
  readonly last_ts: string;
}

export interface PresenceInfo {
  readonly user: string;
  readonly presence: "active" | "away";
  readonly online: boolean;
  readonly manual_away: boolean;
}

/** What a ticket stood for. */
export interface Session {
  readonly user: { readonly id: string; readonly name: string };
  readonly team: { readonly id: string; readonly name: string; readonly domain: string };
  readonly manual_away: boolean;
  /** version of `manual_away`: `Choice.at` */
  readonly manual_away_at: number;
  /** what the client asked to resume: channel → last offset it has seen */
  readonly offsets: Readonly<Record<string, number>>;
  /** `batch_presence_aware=1` was asked for at rtm.connect */
  readonly batch_presence: boolean;
  /** `x_resume=1` was: the client waits for `x_delay_ms` after a `goodbye` */
  readonly paced?: boolean;
  /** `x_journeys=1` was: the client is told how events travelled */
  readonly journeys?: boolean;
}
