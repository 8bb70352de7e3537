/**
 * @slack/rtm-api and @slack/web-api as they come from the registry, driven by JSON lines (see ../driver.ts).
 *
 * Messages are sent without the library's own wait for the ack: rtm-api 7.0.4 keeps awaited replies in a sparse array
 * and crashes its process on the next reconnect when it walks over the holes. The ack arrives as a `slack_event` all the same.
 */
import { createInterface } from "node:readline";
import { RTMClient } from "@slack/rtm-api";
import { WebClient } from "@slack/web-api";

const url = `${process.env["RINGWAY_URL"]}/api/`;
const token = process.env["RINGWAY_TOKEN"]!;

interface SlackEvent {
  readonly type?: string;
  readonly reply_to?: number;
  readonly [field: string]: unknown;
}

const tell = (event: string, fields: object = {}): void => void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

// rtm-api brings a web-api of its own, an older one; this one is the current one.
const web = new WebClient(token, { slackApiUrl: url });
const rtm = new RTMClient(token, { slackApiUrl: url });

rtm.on("slack_event", (type: string | undefined, event: SlackEvent) => {
  if (type === undefined && event.reply_to !== undefined) tell("ack", { ok: event["ok"], ts: event["ts"], text: event["text"] });
  // What is sent is queued by the library for two seconds after this.
  else if (type === "hello" || type === "goodbye") tell(type);
  else if (type === "message") tell("message", { channel: event["channel"], user: event["user"], text: event["text"], ts: event["ts"] });
  else if (type === "presence_change") tell("presence", { users: event["users"] ?? [event["user"]], presence: event["presence"] });
});

const commands: Record<string, (args: Record<string, string>) => Promise<unknown>> = {
  send: ({ channel, text }) => rtm.addOutgoingEvent(false, "message", { channel, text }),
  watch: ({ user }) => rtm.subscribePresence([user!]),
  async whoami() {
    const { user_id, team_id } = await web.auth.test();
    tell("whoami", { user_id, team_id });
  },
  async post({ channel, text }) {
    const { ts } = await web.chat.postMessage({ channel: channel!, text: text! });
    tell("posted", { ts });
  },
  async history({ channel, limit }) {
    const texts: (string | undefined)[] = [];
    let pages = 0;
    for await (const page of web.paginate("conversations.history", { channel, limit: Number(limit) })) {
      pages++;
      for (const message of (page as unknown as { messages: { text?: string }[] }).messages) texts.push(message.text);
    }
    tell("history", { texts, pages });
  },
  async stop() {
    await rtm.disconnect();
    process.exit(0);
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { do: name, ...args } = JSON.parse(line) as { do: string } & Record<string, string>;
  commands[name]!(args).catch((error: Error) => tell("error", { of: name, message: error.message }));
});

await rtm.start();
