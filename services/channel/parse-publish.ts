import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Control, Draft, Publish } from "../protocol/mesh.ts";
import { ProtocolError } from "../protocol/problems.ts";

/** Bytes of an idempotency key. */
const keyBytes = 255;
/** Characters of a reaction's name. */
const nameChars = 100;
const tsShape = /^\d{1,10}\.\d{1,6}$/;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks the body of a publication.
 * @throws ProtocolError `bad_request` naming the field, or `msg_too_long`
 */
export function parsePublish(body: unknown): Publish {
  const fields = object("body", body);
  const key = text("key", fields["key"]);
  if (key === "" || Buffer.byteLength(key) > keyBytes) throw bad(`key must be 1..${keyBytes} bytes`);
  switch (fields["kind"]) {
    case "message": {
      const origin = fields["origin"] ?? 0;
      if (!Number.isSafeInteger(origin) || (origin as number) < 0) throw bad("origin must be a safe integer >= 0");
      return { kind: "message", user: user(fields), key, draft: parseDraft(fields["draft"]), origin: origin as number };
    }
    case "update":
      return { kind: "update", user: user(fields), key, ts: target(fields), draft: parseDraft(fields["draft"]) };
    case "delete":
      return { kind: "delete", user: user(fields), key, ts: target(fields) };
    case "react":
    case "unreact":
      return { kind: fields["kind"], user: user(fields), key, ts: target(fields), name: reaction(fields) };
    case "event": {
      const event = object("event", fields["event"]);
      return { kind: "event", key, event: { ...event, type: text("event.type", event["type"]) } };
    }
    case "control":
      return { kind: "control", key, control: control(object("control", fields["control"])) };
    default:
      throw bad("kind must be message, update, delete, react, unreact, event or control");
  }
}

/** @throws ProtocolError `bad_request`, or `msg_too_long` */
export function parseDraft(value: unknown): Draft {
  const draft = object("draft", value);
  const said = text("draft.text", draft["text"]);
  if (said.length > limits.textChars) throw new ProtocolError("msg_too_long", `${said.length} characters`);
  return { ...draft, text: said };
}

function control(fields: Fields): Control {
  const { join, leave, after, presence, at } = fields;
  if (presence === "auto" || presence === "away") {
    if (!Number.isSafeInteger(at) || (at as number) < 0) throw bad("control.at must be a safe integer >= 0");
    return { presence, at: at as number };
  }
  if (typeof leave === "string" && isId(leave)) return { leave };
  if (typeof join !== "string" || !isId(join)) throw bad("control needs a channel's ID in join or leave, or presence auto or away");
  if (!Number.isSafeInteger(after) || (after as number) < 0) throw bad("control.after must be a safe integer >= 0");
  return { join, after: after as number };
}

function user(fields: Fields): string {
  const id = text("user", fields["user"]);
  if (!isId(id)) throw bad("user must be an ID");
  return id;
}

function target(fields: Fields): string {
  const ts = text("ts", fields["ts"]);
  if (!tsShape.test(ts)) throw bad("ts must be seconds.micros");
  return ts;
}

function reaction(fields: Fields): string {
  const name = text("name", fields["name"]);
  if (name === "" || name.length > nameChars || /\s/.test(name)) throw bad(`name must be 1..${nameChars} characters without spaces`);
  return name;
}

function object(name: string, value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(`${name} must be an object`);
  return value as Fields;
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw bad(`${name} must be a string`);
  return value;
}

function bad(detail: string): ProtocolError {
  return new ProtocolError("bad_request", detail);
}
