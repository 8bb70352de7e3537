/** Named bounds of everything that crosses a wire. Each one has a documented answer when it is exceeded (docs/protocol.md). */
export const limits = {
  /** Bytes of an ID that is hashed to a slot (channel, user, server). */
  idBytes: 64,
  /** Characters of a message's text; more is `msg_too_long` (Slack's own documented limit). */
  textChars: 40_000,
  /** Bytes of one frame a client may send; more closes the socket with 1009. */
  clientFrameBytes: 64 * 1024,
  /** Levels that a stranger's JSON may nest; more is refused as malformed JSON. */
  jsonDepth: 100,
  /** Bytes of one link message; more closes the link with 1009. */
  linkMessageBytes: 8 * 1024 * 1024,
  /** Bytes of a request body at any HTTP door; more is 413 `body_too_large`. */
  bodyBytes: 256 * 1024,
  /** Bytes a client socket may have queued when more comes; else it is closed as `slow_consumer` (4008). */
  socketQueueBytes: 1024 * 1024,
  /** Bytes a link may have queued before it is closed and re-opened with offsets. */
  linkQueueBytes: 32 * 1024 * 1024,
  /** Users in one `presence_sub` or `presence_query`; more is `too_many_users`. */
  presenceSubUsers: 500,
  /** Bytes of JSON of a message's reactions; more is `too_many_reactions`. Every edit carries them twice, to every socket. */
  reactionsBytes: 64 * 1024,
  /** Appends of one channel that wait for the store; more is refused as `rate_limited`. */
  channelPendingAppends: 1_000,
  /** Channels that stay loaded at a channel server though nobody listens and nothing is under way; the longest silent one is forgotten, and comes back from the store. */
  idleChannels: 10_000,
  /** Events that a channel server replays to a gateway that was cut off; more becomes an explicit `x_gap`. A client's own window is the gateway's --resume-events. */
  resumeEvents: 10_000,
  /** Events in one `batch` of a link. */
  batchEvents: 200,
  /** Messages in one page of history. */
  historyPage: 1_000,
  /** Frames of one session that wait for an ack; more is refused as `rate_limited`. */
  sessionPendingPublishes: 256,
  /** Servers in one pool, pins in one pool, bytes of the topology document (DESIGN 3). */
  servers: 1024,
  pins: 4096,
  topologyBytes: 256 * 1024,
} as const;
