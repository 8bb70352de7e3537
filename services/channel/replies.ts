/** The mesh API's answers as bytes: what is stored as JSON goes out as it is, never parsed and encoded again. */
import type { Entry } from "../store/log.ts";
import type { PublishedBytes } from "./events.ts";

const comma = Buffer.from(",");

export function publishedJson({ message, ...published }: PublishedBytes): Buffer {
  return message === undefined ? Buffer.from(JSON.stringify(published)) : object(published, "message", message);
}

export function historyJson(messages: readonly Uint8Array[], more: boolean): Buffer {
  return object({ has_more: more }, "messages", list(messages));
}

export function eventsJson(head: number, entries: readonly Entry[]): Buffer {
  return object({ head }, "events", list(entries.map(({ offset, kind, payload }) => object({ offset, kind }, "event", payload))));
}

/** `fields` with one more, whose value is JSON already. */
function object(fields: object, name: string, json: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(fields).slice(0, -1)},"${name}":`), json, Buffer.from("}")]);
}

function list(items: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from("["), ...items.flatMap((item, i) => (i === 0 ? [item] : [comma, item])), Buffer.from("]")]);
}
