import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../runtime/request.ts";
import { ada, robot, startFixture, type Fixture } from "../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

test("rtm.connect hands out a ticket that serves once", async () => {
  const connected = await it.call(ada, "rtm.connect", { x_offsets: { C0GENERAL: 7, C0FOREIGN: 3 }, batch_presence_aware: 1, x_resume: true, x_journeys: true });
  expect(connected).toMatchObject({ ok: true, self: { id: "U0ADA", name: "ada" }, team: { id: "T0RINGWAY", domain: "ringway" } });
  const ticket = /^ws:\/\/127\.0\.0\.1:\d+\/ws\/(U0ADA\.[\w-]{32})$/.exec(connected["url"] as string)?.[1];
  const redeem = (): ReturnType<typeof ask> => ask(`${it.url}/v1/sessions`, { method: "POST", body: { ticket } });
  const session = await redeem();
  expect(session.status).toBe(200);
  expect(session.json).toEqual({
    user: { id: "U0ADA", name: "ada" },
    team: { id: "T0RINGWAY", name: "Ringway", domain: "ringway" },
    manual_away: false,
    manual_away_at: 0,
    offsets: { C0GENERAL: 7 },
    batch_presence: true,
    paced: true,
    journeys: true,
  });
  const again = await redeem();
  expect([again.status, again.json]).toMatchObject([401, { reason: "bad_ticket" }]);
});

test("a gateway reads a user's channels", async () => {
  expect((await ask(`${it.url}/v1/users/U0ADA/channels`)).json).toEqual({ channels: ["C0GENERAL", "C0RANDOM"] });
  expect((await ask(`${it.url}/v1/users/U0NOBODY/channels`)).status).toBe(404);
});

test("a message goes to the channel's owner and comes back in history", async () => {
  const posted = await it.call(robot, "chat.postMessage", { channel: "#general", text: "hello" });
  expect(posted).toMatchObject({ ok: true, channel: "C0GENERAL", message: { text: "hello", user: "U0ROBOT", bot_id: "B0ROBOT" } });
  const history = await it.call(ada, "conversations.history", { channel: "C0GENERAL" });
  expect(history).toMatchObject({ ok: true, has_more: false, messages: [{ text: "hello", ts: posted.ts }] });
});
