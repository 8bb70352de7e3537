/** What a server's address takes. */
import type { Choice } from "../../services/protocol/choice.ts";
import type { LinkFrame } from "../../services/protocol/link.ts";
import type { PresenceInfo, Publish } from "../../services/protocol/mesh.ts";
import type { Side } from "./connection.ts";
import type { Process } from "./process.ts";

/** The first thing that the accepting side of a WebSocket sends. */
export const upgraded = "101";
export type Upgraded = typeof upgraded;

/** Frames of one WebSocket message. */
export type LinkMessage = readonly LinkFrame[] | Upgraded;

/** What goes over a client's socket. */
export type ClientMessage =
  | Upgraded
  | { readonly text: string }
  /** final JSON, as the gateway never parses it */
  | { readonly payload: Uint8Array }
  | { readonly ping: true }
  | { readonly pong: true }
  | { readonly close: string };

export interface Answer<T> {
  readonly status: number;
  readonly value?: T;
}
export type Reply<T> = (answer: Answer<T>) => void;

export interface PublishedAt {
  readonly offset: number;
  readonly ts: string;
}

export interface Door {
  readonly id: string;
  readonly process: Process;
  /** of a channel server's GET /v1/status */
  readonly warm?: number;
  /** POST /v1/channels/{id}/messages */
  publish?(channel: string, publish: Publish, epoch: number, reply: Reply<PublishedAt>): void;
  /** GET and PUT /v1/presence/users/{id} */
  presence?(user: string, choice: Choice | undefined, reply: Reply<PresenceInfo>): void;
  /** a gateway's link was accepted */
  link?(side: Side<LinkMessage>): void;
  /** GET /ws/<ticket> */
  upgrade?(ticket: string, accept: () => Side<ClientMessage>, refuse: (status: number) => void): void;
}
