/** What a client is told, by name. Fields are those of docs/protocol.md; what this file does not name is passed on as it came. */

/** One that is stored: it has its place in a channel, and comes again after a reconnect where it was missed. */
export interface StoredEvent {
  readonly type: string;
  readonly subtype?: string;
  readonly channel: string;
  /** its place among the channel's events */
  readonly x_off: number;
  readonly [field: string]: unknown;
}

export interface MessageEvent extends StoredEvent {
  readonly type: "message";
  readonly ts: string;
  readonly user?: string;
  readonly text?: string;
  readonly client_msg_id?: string;
  /** of `message_changed`: the message as it is now */
  readonly message?: Readonly<Record<string, unknown>> & { readonly ts: string; readonly text?: string };
  /** of `message_deleted` */
  readonly deleted_ts?: string;
}

export interface Reaction extends StoredEvent {
  readonly type: "reaction_added" | "reaction_removed";
  readonly user: string;
  readonly reaction: string;
  readonly item: { readonly channel: string; readonly ts: string };
}

export interface Typing {
  readonly type: "user_typing";
  readonly channel: string;
  readonly user: string;
}

export interface Presence {
  readonly user: string;
  readonly presence: "active" | "away";
}

/** Events that are not sent: `conversations.history` with these `oldest` and `latest` gives its messages. */
export interface Gap {
  readonly channel: string;
  readonly after?: number;
  readonly head: number;
  readonly oldest?: string;
  readonly latest?: string;
}

/**
 * How a stored event of a channel travelled, where `journeys` was asked for. Times are milliseconds since the Unix epoch by the servers' clocks,
 * with decimals. It comes after the event, also to who sent it.
 */
export interface Journey {
  readonly channel: string;
  /** the event's offset in the channel */
  readonly x_off: number;
  /** the channel server that gave it its place, for which slot, by the topology of which epoch */
  readonly server: string;
  readonly slot: number;
  readonly epoch: number;
  /** this session's */
  readonly gateway: string;
  /** the sender's gateway took it; 0 where it came by the Web API */
  readonly taken: number;
  /** the channel server got it */
  readonly received: number;
  /** it was durable there */
  readonly stored: number;
  /** this session's gateway got it */
  readonly arrived: number;
}

/** name → what its listeners are given */
export interface Events {
  /** connected, disconnected, waiting …: for a badge */
  state: import("./client.ts").State;
  /** a message, an edit or a deletion (`subtype`) */
  message: MessageEvent;
  reaction: Reaction;
  /** any other stored event: who joined, what was marked … */
  event: StoredEvent;
  typing: Typing;
  presence: Presence;
  gap: Gap;
  journey: Journey;
}

export type Frame = Readonly<Record<string, unknown>>;
