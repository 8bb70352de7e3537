/** Who is not a member can't read, post, type or subscribe. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientErrors } from "../../services/protocol/client.ts";
import { api, call, connectRtm, type Rtm } from "./client.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";

const plane = usePlane({ channels: 2 });
const { ada, grace, linus } = people;

describe.each([
  ["public", { is_private: false }, "not_in_channel"],
  ["private", { is_private: true }, "channel_not_found"],
] as const)("who is not a member of a %s channel", (kind, options, error) => {
  let channel: string;
  let ts: string;
  let member: Rtm;
  let stranger: Rtm;

  beforeAll(async () => {
    const { url } = plane();
    stranger = await connectRtm(url, linus.token);
    channel = (await call(url, ada.token, "conversations.create", { name: `club-${kind}`, ...options }))["channel"].id as string;
    await call(url, ada.token, "conversations.invite", { channel, users: grace.user });
    member = await connectRtm(url, grace.token);
    ts = (await call(url, ada.token, "chat.postMessage", { channel, text: "for members" }))["ts"] as string;
  });
  afterAll(() => Promise.all([member.close(), stranger.close()]));

  test.each([
    ["conversations.history", {}],
    ["conversations.mark", { ts: "1.000000" }],
    ["chat.postMessage", { text: "x" }],
    ["chat.meMessage", { text: "x" }],
    ["chat.update", { ts: "own", text: "x" }],
    ["chat.delete", { ts: "own" }],
    ["reactions.add", { timestamp: "own", name: "eyes" }],
    ["conversations.invite", { users: linus.user }],
  ] as const)(`%s answers ${error}`, async (method, args) => {
    const real = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, value === "own" ? ts : value]));
    expect(await api(plane().url, linus.token, method, { channel, ...real })).toMatchObject({ ok: false, error });
  });

  test("sends no message and no typing over a socket", async () => {
    const reply = await stranger.ask({ type: "message", channel, text: "from outside" });
    expect(reply).toMatchObject({ ok: false, error: { code: clientErrors.channel_not_found[0] } });
    stranger.send({ type: "typing", channel });
    await stranger.ask({ type: "ping" });
    const fence = await call(plane().url, ada.token, "chat.postMessage", { channel, text: "fence" });
    await member.waitFor("the fence", (frame) => frame.ts === fence["ts"]);
    expect(member.frames.filter((frame) => frame.type === "user_typing" || frame.text === "from outside")).toEqual([]);
  });

  test("subscribes to nothing, not even by asking to resume", async () => {
    const nosy = await connectRtm(plane().url, linus.token, { offsets: { [channel]: 0 } });
    const { ts: last } = await call(plane().url, ada.token, "chat.postMessage", { channel, text: "still for members" });
    await member.waitFor("the message", (frame) => frame.ts === last);
    const { ts: fence } = await call(plane().url, ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "for all" });
    for (const socket of [nosy, stranger]) {
      await socket.waitFor("what is for all", (frame) => frame.ts === fence);
      expect(socket.frames.filter((frame) => frame.channel === channel && frame.type === "message")).toEqual([]);
    }
    await nosy.close();
  });

  test("gets it all after an invitation, and nothing any more after leaving", async () => {
    await call(plane().url, ada.token, "conversations.invite", { channel, users: linus.user });
    const { ts: welcome } = await call(plane().url, ada.token, "chat.postMessage", { channel, text: "welcome" });
    await stranger.waitFor("the welcome", (frame) => frame.ts === welcome);
    expect(await stranger.ask({ type: "message", channel, text: "thank you" })).toMatchObject({ ok: true });
    await call(plane().url, linus.token, "conversations.leave", { channel });
    await stranger.waitFor("to have left", (frame) => /_left$/.test(frame.type ?? "") && frame.channel === channel);
    const { ts: after } = await call(plane().url, ada.token, "chat.postMessage", { channel, text: "now without" });
    await member.waitFor("the message", (frame) => frame.ts === after);
    const { ts: fence } = await call(plane().url, ada.token, "chat.postMessage", { channel: "C0GENERAL", text: "for all again" });
    await stranger.waitFor("what is for all", (frame) => frame.ts === fence);
    expect(stranger.frames.some((frame) => frame.ts === after)).toBe(false);
    expect(await stranger.ask({ type: "message", channel, text: "one more" })).toMatchObject({ ok: false });
  });
});
