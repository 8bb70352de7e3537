/** `@ringway/client`: see README.md. */
export { Backoff } from "./backoff.ts";
export { RingwayClient, type ClientOptions, type Sent, type State } from "./client.ts";
export { RingwayError } from "./errors.ts";
export type { Events, Gap, Journey, MessageEvent, Presence, Reaction, StoredEvent, Typing } from "./events.ts";
