/** `ringway send` and `ringway tail`: a user at a terminal. */
import { Client } from "../delivery/client.ts";
import type { Frame } from "../delivery/connection.ts";
import { callApi, NoAnswer } from "../delivery/web-api.ts";
import { parseFlags, UsageError, type Flags } from "../runtime/flags.ts";
import type { Verb } from "./verb.ts";

const flags = {
  api: { type: "string", default: "http://127.0.0.1:8080", env: "RINGWAY_API", help: "the plane's edge, as its clients reach it", matches: /^https?:\/\/[^/?#\s]+\/?$/ },
  token: { type: "string", default: "xoxp-dev-ada", env: "RINGWAY_TOKEN", secret: true, help: "the user's token; in development mode ada's", matches: /^\S+$/ },
  json: { type: "boolean", help: "print JSON, one object a line" },
} as const satisfies Flags;

const tailFlags = { ...flags, last: { type: "number", default: 10, min: 0, max: 1_000, help: "how many of the past messages are shown first" } } as const satisfies Flags;

type User = Pick<ReturnType<typeof parseFlags<typeof flags>>, "api" | "token">;

/** @throws UsageError with the documented error */
async function call({ api, token }: User, method: string, args: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  return callApi(api.replace(/\/$/, ""), token, method, args).catch((error: unknown) => Promise.reject(error instanceof NoAnswer ? new UsageError(`${method}: ${error.message}`) : error));
}

/** @returns the ID of a channel that is named by its ID, or by `#name` or `name` */
async function channelOf(user: User, which: string): Promise<{ readonly id: string; readonly name: string }> {
  const name = which.replace(/^#/, "");
  for (let cursor = ""; ; ) {
    const page = await call(user, "conversations.list", { limit: 1_000, cursor, types: "public_channel,private_channel,mpim,im" });
    for (const one of page["channels"] as readonly { readonly id: string; readonly name?: string }[]) if (one.id === which || one.name === name) return { id: one.id, name: one.name ?? one.id };
    cursor = (page["response_metadata"] as { next_cursor?: string } | undefined)?.next_cursor ?? "";
    if (cursor === "") throw new UsageError(`there is no channel '${which}', or it is not yours to see`);
  }
}

export const send: Verb = {
  summary: "<channel> <text …>: say something, as the user of --token; prints the message's ts once it is stored",
  usage: "<channel> <text …>",
  flags,
  async run(argv) {
    const options = parseFlags(flags, argv, Number.MAX_SAFE_INTEGER);
    const [which, ...words] = options._;
    if (which === undefined || words.length === 0) throw new UsageError("usage: ringway send <channel> <text …>");
    const channel = (await channelOf(options, which)).id;
    const answer = await call(options, "chat.postMessage", { channel, text: words.join(" ") });
    process.stdout.write(`${options.json ? JSON.stringify(answer) : String(answer["ts"])}\n`);
    return 0;
  },
};

export const tail: Verb = {
  summary: "<channel>: its last messages, and those that come, until Ctrl-C; it comes back by itself and misses none",
  usage: "<channel>",
  flags: tailFlags,
  async run(argv) {
    const options = parseFlags(tailFlags, argv, 1);
    const [which] = options._;
    if (which === undefined) throw new UsageError("usage: ringway tail <channel>");
    const channel = await channelOf(options, which);
    const print = (event: Frame): void => void process.stdout.write(`${options.json ? JSON.stringify(event) : lineOf(event)}\n`);
    const early: Frame[] = [];
    let last: number | undefined;
    const show = (frame: Frame): void => {
      const offset = Number(frame["x_off"] ?? NaN);
      if (Number.isNaN(offset) || (last !== undefined && offset <= last)) return;
      last = offset;
      print(frame);
    };
    let listening = (): void => {};
    const heard = new Promise<void>((resolve) => (listening = resolve));
    let started = false;
    const client = new Client(options.api.replace(/\/$/, ""), options.token, {
      offsets: () => (last === undefined ? {} : { [channel.id]: last }),
      idle: () => true,
      connected: (gateway) => {
        listening();
        process.stderr.write(`ringway: listening to #${channel.name} at ${gateway}\n`);
      },
      lost: (why) => process.stderr.write(`ringway: connection lost (${why})\n`),
      frame: (frame) => {
        // An event of the user's own stream names the channel that it is about: its offset is not of this one.
        if ((frame["x_chan"] ?? frame["channel"]) !== channel.id) return;
        if (started) show(frame);
        else early.push(frame);
      },
    });
    client.start();
    const stopped = new Promise<void>((resolve) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    });
    try {
      // It listens before it reads the past, so that there is nothing between the two.
      await Promise.race([heard, stopped]);
      const { messages } = (await call(options, "conversations.history", { channel: channel.id, limit: Math.max(1, options.last) })) as unknown as { messages: readonly Frame[] };
      // The last one also says where to resume from, should the connection break before anything comes.
      if (options.last === 0) last = Number(messages[0]?.["x_off"] ?? 0);
      else for (const message of [...messages].reverse()) show(message);
      started = true;
      for (const frame of early) show(frame);
      await stopped;
    } finally {
      await client.stop();
    }
    return 0;
  },
};

/** One line for a person: when, who, what. */
function lineOf(event: Frame): string {
  const at = new Date(Number(String(event["event_ts"] ?? event["ts"] ?? "0")) * 1_000).toISOString().slice(11, 23);
  const text = (value: unknown): string => String(value ?? "").replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => (char === "\n" ? "\n    " : "·"));
  const { message, deleted_ts: deleted, reaction, user, subtype, type } = event as { message?: { user?: unknown; text?: unknown }; deleted_ts?: unknown; reaction?: unknown; user?: unknown; subtype?: string; type?: string };
  if (subtype === "message_changed") return `${at}  ${text(message?.user)} (edited): ${text(message?.text)}`;
  if (subtype === "message_deleted") return `${at}  deleted ${text(deleted)}`;
  if (reaction !== undefined) return `${at}  ${text(user)} ${type === "reaction_removed" ? "-" : "+"}:${text(reaction)}:`;
  if (type === "message") return `${at}  ${text(user)}: ${text(event["text"])}`;
  return `${at}  ${text(type)} ${text(user)}`;
}
