/** What is checked, and the log of what happened meanwhile: all that the verifier knows. */

/** What a run does. */
export interface Plan {
  /** where clients find the plane: `http://host:port` */
  readonly api: string;
  /** where readers and writers find it, one after the other, if elsewhere */
  readonly readersAt?: readonly string[];
  readonly writersAt?: readonly string[];
  /** all writers send over sockets; else every second one uses the Web API */
  readonly socketsOnly?: boolean;
  /** whose sessions write and read, one after the other; the first one makes the channels */
  readonly tokens: readonly string[];
  readonly channels: number;
  readonly writers: number;
  readonly readers: number;
  /** messages that each writer sends per second */
  readonly rate: number;
  readonly seed: number;
  /** a message that has no ack after this time, repeated with the same key all the while, is given up */
  readonly patienceMs: number;
  /** how long the readers may take, after the last ack, to have everything; and history, to be read */
  readonly settleMs: number;
}

/**
 * One thing that happened, in the order of one monotonic clock: `at` is in milliseconds. A message is named by its key,
 * which is its `client_msg_id`.
 */
export type Happened =
  /** first try; `due` is when it should have been sent, which is earlier where the writer was held up */
  | { readonly at: number; readonly type: "sent"; readonly writer: number; readonly channel: string; readonly key: string; readonly due: number }
  /** `off` is told on sockets, not by the Web API */
  | { readonly at: number; readonly type: "acked"; readonly key: string; readonly ts: string; readonly off?: number }
  /** instead of an ack; tried again with the same key */
  | { readonly at: number; readonly type: "refused"; readonly key: string; readonly reason: string }
  | { readonly at: number; readonly type: "gaveUp"; readonly key: string }
  /** a reader got an event; without a key it is none of the run's messages */
  | { readonly at: number; readonly type: "shown"; readonly reader: number; readonly channel: string; readonly off: number; readonly ts: string; readonly key?: string; readonly damaged?: true }
  /** the plane said that events after `after` up to `head` are not sent */
  | { readonly at: number; readonly type: "gap"; readonly reader: number; readonly channel: string; readonly after: number; readonly head: number }
  /** a reader read in history what a gap left out */
  | { readonly at: number; readonly type: "fetched"; readonly reader: number; readonly channel: string; readonly off: number; readonly key?: string }
  | { readonly at: number; readonly type: "connected"; readonly reader: number; readonly gateway: string }
  | { readonly at: number; readonly type: "lost"; readonly reader: number; readonly why: string };

/** A message as history has it. */
export interface Stored {
  readonly off: number;
  readonly ts: string;
  readonly key?: string;
  readonly damaged?: true;
}

/** Channel → its messages, oldest first. */
export type History = ReadonlyMap<string, readonly Stored[]>;

/** The text of a message follows from its key, so that a damaged one is known at sight: 0 to 255 characters more than the key. */
export function textOf(key: string): string {
  let hash = 2_166_136_261;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 16_777_619);
  return `${key} ${"·".repeat((hash >>> 8) & 0xff)}`;
}
