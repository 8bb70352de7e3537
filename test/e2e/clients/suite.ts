/** What every official client must be able to do, unmodified. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, connectRtm, type Rtm } from "../client.ts";
import { drain, gatewayOf, type Reached } from "../operate.ts";
import { people, type Person } from "../people.ts";
import { until } from "../wait.ts";
import { Driven, type Program } from "./driver.ts";

export interface ClientUnderTest {
  readonly name: string;
  /** fetches or builds it; may take a minute the first time */
  readonly program: () => Promise<Program>;
  readonly person: Person;
  /** why it can't run here */
  readonly missing?: string | undefined;
}

const other = people.margaret;
const watched = people.linus;

export function clientSuite(client: ClientUnderTest, plane: () => Reached): void {
  const { name, person, missing } = client;
  const { user, token } = person;
  const title = missing === undefined ? name : `${name} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(title, () => {
    let driven: Driven;
    let channel: string;
    let bystander: Rtm;

    beforeAll(async () => {
      const { url } = plane();
      const program = await client.program();
      channel = (await call(url, other.token, "conversations.create", { name: `for-${name.replace(/[^a-z]/g, "")}` }))["channel"].id as string;
      await call(url, other.token, "conversations.invite", { channel, users: user });
      bystander = await connectRtm(url, other.token);
      driven = new Driven(program, url, token);
    }, 180_000);

    afterAll(async () => {
      await driven?.stop();
      await bystander?.close();
    });

    test("connects and gets hello", async () => {
      await driven.event("hello");
    });

    test("knows who it is by the Web API", async () => {
      driven.do("whoami");
      expect(await driven.event("whoami")).toMatchObject({ user_id: user });
    });

    test("sends a message over its socket, gets the ack, and others get the message", async () => {
      driven.do("send", { channel, text: "over the socket" });
      const ack = await driven.event("ack", (event) => event.text === "over the socket");
      expect(ack).toMatchObject({ ok: true, ts: expect.stringMatching(/^\d+\.\d{6}$/) as string });
      const seen = await bystander.waitFor("its message", (frame) => frame.type === "message" && frame.text === "over the socket");
      expect(seen).toMatchObject({ channel, user, ts: ack.ts });
    });

    test("receives another user's message", async () => {
      const { reply_to, ts } = await bystander.ask({ type: "message", channel, text: "hello from Margaret" });
      expect(reply_to).toBeDefined();
      const event = await driven.event("message", (message) => message.text === "hello from Margaret");
      expect(event).toMatchObject({ channel, user: other.user, ts });
    });

    test("posts by the Web API and pages through the history", async () => {
      for (let i = 0; i < 5; i++) {
        driven.do("post", { channel, text: `posted ${i}` });
        await until("the post's answer", () => driven.count("posted") === i + 1 || driven.count("error") > 0);
      }
      driven.do("history", { channel, limit: "3" });
      const { texts, pages } = await driven.event("history");
      const all = ["posted 4", "posted 3", "posted 2", "posted 1", "posted 0", "hello from Margaret", "over the socket"];
      expect((texts ?? []).slice(0, all.length)).toEqual(all);
      expect(pages).toBeGreaterThanOrEqual(3);
    });

    test("subscribes to a user's presence and sees it change", async () => {
      driven.do("watch", { user: watched.user });
      const about = (presence: string) => (event: { users?: readonly string[]; presence?: string }) => event.users?.includes(watched.user) === true && event.presence === presence;
      await driven.event("presence", about("away"));
      const linus = await connectRtm(plane().url, watched.token);
      await driven.event("presence", about("active"));
      const from = driven.events.length;
      await linus.close();
      await driven.event("presence", about("away"), from);
    });

    test("reconnects after goodbye when its gateway is drained, and goes on", async () => {
      const { url } = plane();
      const gateway = await gatewayOf(plane(), person);
      const from = driven.events.length;
      await drain(plane(), gateway, true);
      try {
        await driven.event("hello", undefined, from);
        expect(await gatewayOf(plane(), person)).not.toBe(gateway);
        await call(url, other.token, "chat.postMessage", { channel, text: "after goodbye" });
        await driven.event("message", (event) => event.text === "after goodbye");
        driven.do("send", { channel, text: "back again" });
        await driven.event("ack", (event) => event.text === "back again");
      } finally {
        await drain(plane(), gateway, false);
      }
      expect(driven.count("goodbye")).toBeGreaterThan(0);
      // The next client finds the ring as it was.
      await until("the gateway to be used again", async () => (await gatewayOf(plane(), person)) === gateway);
    });
  });
}
