/** What was wrong, in words for the person who can mend it. Pure. */
import { RingwayError } from "@ringway/client";

/** As the server counts them. */
const textMost = 40_000;
/** A frame is 64 KiB at most; some of it is for the other fields. */
const bytesMost = 60_000;
const nameMost = 80;

const said: Readonly<Record<string, string>> = {
  invalid_auth: "This token is not known here.",
  not_authed: "This token is not known here.",
  token_revoked: "This token was taken back.",
  name_taken: "A channel has this name already. Choose another.",
  invalid_name_specials: "A name holds a–z, 0–9, - and _, and nothing else.",
  invalid_name_punctuation: "A name needs a letter or a digit.",
  invalid_name_maxlength: `A name has at most ${nameMost} characters.`,
  channel_not_found: "There is no such channel, or you are not in it.",
  not_in_channel: "You are not in this channel. Join it first.",
  message_not_found: "The message is gone.",
  cant_update_message: "Only its author may change a message.",
  cant_delete_message: "Only its author may delete a message.",
  msg_too_long: `The message is too long: at most ${textMost.toLocaleString("en")} characters fit.`,
  no_text: "Write something first.",
  no_answer: "There was no answer. Is the network there?",
  ratelimited: "That was too fast. Wait a moment.",
  service_unavailable: "No server takes it just now. Try again in a moment.",
  queue_full: "Too many messages wait to be sent. Wait until the connection is back.",
  closed: "The connection was closed before it was sent.",
};

/** Why something failed. */
export function explain(error: unknown): string {
  const code = error instanceof RingwayError ? error.code : String((error as Error | undefined)?.message ?? error);
  return said[code] ?? `It did not work: ${code}.`;
}

/** @returns what is wrong with a message; undefined where it may be sent */
export function wrongText(text: string): string | undefined {
  if (text.trim() === "") return said["no_text"];
  if (text.length > textMost) return `The message has ${text.length.toLocaleString("en")} characters: at most ${textMost.toLocaleString("en")} fit.`;
  const bytes = new TextEncoder().encode(JSON.stringify(text)).length;
  if (bytes > bytesMost) return `The message is ${bytes.toLocaleString("en")} bytes: at most ${bytesMost.toLocaleString("en")} fit.`;
  return undefined;
}

/** @returns what is wrong with a channel's name */
export function wrongName(name: string): string | undefined {
  if (name === "") return "Give the channel a name.";
  if (name.length > nameMost) return `The name has ${name.length} characters: at most ${nameMost} fit.`;
  if (!/^[a-z0-9_-]+$/.test(name)) return said["invalid_name_specials"];
  return /^[-_]+$/.test(name) ? said["invalid_name_punctuation"] : undefined;
}

/** @returns what is wrong with a token, as far as one sees */
export function wrongToken(token: string): string | undefined {
  if (token === "") return "Paste a token first.";
  return /^[\x21-\x7e]+$/.test(token) ? undefined : "A token holds no spaces, and nothing beyond ASCII.";
}
