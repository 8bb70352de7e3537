/**
 * What a publication becomes: the final JSON that goes to clients, encoded here and nowhere else, and how it changes
 * the message that history shows. Shapes are those of Slack's public RTM documentation; `x_off` and `x_chan` are ours.
 */
import { eventKinds } from "../protocol/link.ts";
import { limits } from "../protocol/limits.ts";
import type { Draft, Message, Publish } from "../protocol/mesh.ts";
import type { Reason } from "../protocol/problems.ts";
import type { Entry } from "../store/log.ts";
import { logKey } from "./log-key.ts";

/** Where the new entry stands. */
export interface Place {
  readonly channel: string;
  readonly offset: number;
  readonly ts: string;
}

export interface Rendered {
  readonly entry: Entry;
  /** the message as stored, for the one who published or edited it */
  readonly message?: Uint8Array;
}

interface Reaction {
  readonly name: string;
  readonly users: readonly string[];
  readonly count: number;
}

/** Fields of a message that only the owner sets, whatever a draft says. */
const ownersFields = ["type", "channel", "user", "ts", "client_msg_id", "x_off", "edited", "reactions", "event_ts", "hidden"];

/**
 * @param current JSON of the message that the publication changes; undefined where there is none
 * @returns the entry, or the reason of the refusal
 */
export function render(publish: Publish, place: Place, current: Uint8Array | undefined): Rendered | Reason {
  switch (publish.kind) {
    case "message":
      return renderMessage(publish, place);
    case "event":
      return { entry: entry(publish, place, eventKinds.client, renderEvent(publish.event, place)) };
    case "control":
      return { entry: entry(publish, place, eventKinds.control, publish.control) };
    default: {
      if (current === undefined) return "message_not_found";
      const message = JSON.parse(Buffer.from(current).toString()) as Message;
      if (publish.kind === "update") return renderUpdate(publish, place, message);
      if (publish.kind === "delete") return renderDelete(publish, place, message);
      return renderReaction(publish, place, message);
    }
  }
}

/** The message that a stored publication made or left behind, where its kind answers with one. */
export function messageOf(publish: Publish, stored: Entry): Uint8Array | undefined {
  if (publish.kind === "message") return stored.payload;
  if (publish.kind !== "update") return undefined;
  const { message } = JSON.parse(Buffer.from(stored.payload).toString()) as { message?: unknown };
  return message === undefined ? undefined : encode(message);
}

function renderMessage(publish: Publish & { kind: "message" }, { channel, offset, ts }: Place): Rendered {
  const { user, key, draft, origin = 0 } = publish;
  const { text, ...rest } = withoutOwners(draft);
  const payload = encode({ type: "message", channel, user, text, ts, client_msg_id: key, ...rest, x_off: offset });
  return { entry: { offset, ts, kind: eventKinds.client, origin, key: logKey(publish), payload, view: { ts, message: payload } }, message: payload };
}

function renderUpdate(publish: Publish & { kind: "update" }, place: Place, previous: Message): Rendered | Reason {
  if (previous.user !== publish.user) return "cant_update_message";
  const message = { ...previous, ...withoutOwners(publish.draft), edited: { user: publish.user, ts: place.ts } };
  const bytes = encode(message);
  const event = { ...changed("message_changed", place), message, previous_message: previous, x_off: place.offset };
  return { entry: { ...entry(publish, place, eventKinds.client, event), view: { ts: previous.ts, message: bytes } }, message: bytes };
}

function renderDelete(publish: Publish & { kind: "delete" }, place: Place, previous: Message): Rendered | Reason {
  if (previous.user !== publish.user) return "cant_update_message";
  const event = { ...changed("message_deleted", place), deleted_ts: previous.ts, previous_message: previous, x_off: place.offset };
  return { entry: { ...entry(publish, place, eventKinds.client, event), view: { ts: previous.ts, message: null } } };
}

function renderReaction(publish: Publish & { kind: "react" | "unreact" }, place: Place, previous: Message): Rendered | Reason {
  const { user, name } = publish;
  const reactions = (previous["reactions"] ?? []) as readonly Reaction[];
  const adding = publish.kind === "react";
  if ((reactions.find((one) => one.name === name)?.users.includes(user) ?? false) === adding) return adding ? "already_reacted" : "no_reaction";

  const { reactions: _, ...rest } = previous;
  const next = adding ? withReaction(reactions, name, user) : withoutReaction(reactions, name, user);
  if (adding && encode(next).length > limits.reactionsBytes) return "too_many_reactions";
  const event = {
    type: adding ? "reaction_added" : "reaction_removed",
    user,
    reaction: name,
    item: { type: "message", channel: place.channel, ts: previous.ts },
    item_user: previous.user,
    event_ts: place.ts,
    x_chan: place.channel,
    x_off: place.offset,
  };
  const message = encode(next.length === 0 ? rest : { ...rest, reactions: next });
  return { entry: { ...entry(publish, place, eventKinds.client, event), view: { ts: previous.ts, message } } };
}

function withReaction(reactions: readonly Reaction[], name: string, user: string): Reaction[] {
  const found = reactions.find((one) => one.name === name);
  if (found === undefined) return [...reactions, { name, users: [user], count: 1 }];
  return reactions.map((one) => (one === found ? { name, users: [...one.users, user], count: one.users.length + 1 } : one));
}

function withoutReaction(reactions: readonly Reaction[], name: string, user: string): Reaction[] {
  return reactions.flatMap((one) => {
    if (one.name !== name) return [one];
    const users = one.users.filter((other) => other !== user);
    return users.length === 0 ? [] : [{ name, users, count: users.length }];
  });
}

function renderEvent(event: { readonly [field: string]: unknown }, { channel, offset, ts }: Place): object {
  return { ...event, event_ts: ts, ...(event["channel"] === channel ? {} : { x_chan: channel }), x_off: offset };
}

function changed(subtype: string, { channel, ts }: Place): object {
  return { type: "message", subtype, hidden: true, channel, ts, event_ts: ts };
}

function withoutOwners(draft: Draft): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([name]) => !ownersFields.includes(name))) as Draft;
}

function entry(publish: Publish, { offset, ts }: Place, kind: number, event: unknown): Entry {
  return { offset, ts, kind, origin: 0, key: logKey(publish), payload: encode(event) };
}

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
