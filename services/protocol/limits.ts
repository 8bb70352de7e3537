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
  /** Frames, and characters in them, that a client may send before its hello; more closes the socket with 1002. */
  earlyFrames: 32,
  earlyChars: 128 * 1024,
  /** Bytes a link may have queued before it is closed and re-opened with offsets. */
  linkQueueBytes: 32 * 1024 * 1024,
  /** Bytes that all links of a channel server may have queued together; beyond it the link with the longest queue is closed. */
  linksQueueBytes: 256 * 1024 * 1024,
  /** Bytes queued on a link beyond which it gets no transient events, and replays and reads of the past wait until it has room. */
  linkCreditBytes: 1024 * 1024,
  /** Reads of one link that wait for room; more is refused as `rate_limited`, and the gateway asks again. */
  linkPendingReads: 10_000,
  /** Who takes nothing of a streamed answer for so long, ms, is cut off. */
  streamDrainMs: 30_000,
  /** Users in one `presence_sub` or `presence_query`; more is `too_many_users`. */
  presenceSubUsers: 500,
  /** Bytes of JSON of a message's reactions; more is `too_many_reactions`. Every edit carries them twice, to every socket. */
  reactionsBytes: 64 * 1024,
  /** Appends of one channel that wait for the store, and requests that wait for a slot or a channel to be loaded; more is refused as `rate_limited`. */
  channelPendingAppends: 1_000,
  /** What did not fit into a queue may fit so much later, ms: the refusal says so. */
  queueFullMs: 1_000,
  /** Channels that a gateway subscribes in one step; the others come 10 ms later. */
  subscribesAtOnce: 20_000,
  /** Polls for endpoints that wait at a charm for a change; more are answered at once. */
  endpointWaiters: 5_000,
  /** Channels that stay loaded at a channel server though nobody listens and nothing is under way; the longest silent one is forgotten, and comes back from the store. */
  idleChannels: 10_000,
  /** Bytes of publications that wait for the store at one channel server; more is refused as `rate_limited`. */
  pendingAppendBytes: 64 * 1024 * 1024,
  /** Bytes of one append, and of a channel's appends on their way beyond which the next waits. */
  appendBytes: 4 * 1024 * 1024,
  /** Requests of a channel server that wait for the topology by which they were sent; more are decided by the one that is here. */
  earlyRequests: 10_000,
  /** Events that a channel server replays to a gateway that was cut off; more becomes an explicit `x_gap`. A client's own window is the gateway's --resume-events. */
  resumeEvents: 10_000,
  /** Events in one `batch` of a link, or one step of a replay, and bytes of them. */
  batchEvents: 200,
  batchBytes: 1024 * 1024,
  /** Messages in one page of history. */
  historyPage: 1_000,
  /** Frames of one session that wait for an ack; more is refused as `rate_limited`. */
  sessionPendingPublishes: 256,
  /** Sessions of a gateway that are told how events travelled (`x_journeys`); one that asks beyond it is not told. */
  journeySessions: 64,
  /** The same of all sessions of a gateway, and their bytes. */
  gatewayPendingPublishes: 100_000,
  gatewayPendingBytes: 64 * 1024 * 1024,
  /** Changes of a session's channels that wait while its list of channels is asked for; more closes the socket with 4013. */
  sessionPendingChanges: 1_000,
  /** Channels that a session left since its hello, whose offsets are kept in case it comes back to them; more closes the socket with 4013. */
  sessionLeftChannels: 1_000,
  /** Percent of a gateway's ceiling of memory (--memory-mib) from which on it takes no new session: 503 `overloaded`. */
  memoryBusyPercent: 80,
  /** Percent of it beyond which the sockets with the longest queues are closed, as long as these hold so many bytes each. */
  memoryFullPercent: 90,
  shedQueueBytes: 64 * 1024,
  /** Requests that one door serves at a time, and bytes of their bodies; more is 503 `overloaded`, of the Web API 429 `ratelimited`. */
  doorRequests: 10_000,
  doorBodyBytes: 64 * 1024 * 1024,
  /** Requests to a presence server that wait until it knows a user; more is 503 `unavailable`. */
  presenceAskers: 10_000,
  /** Calls that wait for a change of the same membership, and of any; more is `ratelimited`. */
  membershipTurns: 8,
  membershipTurnsAll: 10_000,
  /** Decisions of charm's that it remembers; the oldest is forgotten. */
  charmDecisions: 500,
  /** Changes of operators that wait for one another at a charm; more is 503 `overloaded`. */
  intentChanges: 64,
  /** How long the clients of drained gateways may be given to leave, ms. */
  drainMsLeast: 1_000,
  drainMsMost: 3_600_000,
  /** Pairs of servers in a preview of what moves, those with the most slots; the rest is in its sum. */
  previewMoves: 200,
  /** Consoles that watch one console server; more is 503 `overloaded`. */
  consoleWatchers: 32,
  /** Servers in one pool, pins in one pool, bytes of the topology document (DESIGN 3). */
  servers: 1024,
  pins: 4096,
  topologyBytes: 256 * 1024,
} as const;
