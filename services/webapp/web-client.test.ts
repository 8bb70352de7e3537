import { ErrorCode, LogLevel, WebClient, WebClientEvent } from "@slack/web-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ada, robot, startFixture, type Fixture } from "../../test/webapp/fixture.ts";

let it: Fixture;
let client: WebClient;
beforeAll(async () => {
  it = await startFixture();
  client = new WebClient(ada, { slackApiUrl: `${it.url}/api/` });
});
afterAll(() => it.stop());

test("the official client authenticates and reads its scopes", async () => {
  const auth = await client.auth.test();
  expect(auth).toMatchObject({ ok: true, user_id: "U0ADA", team_id: "T0RINGWAY" });
  expect(auth.response_metadata?.scopes).toContain("chat:write");
});

test("the official client posts, reads, edits, reacts and deletes", async () => {
  const { ts, channel } = (await client.chat.postMessage({ channel: "C0GENERAL", text: "a & b <@U0GRACE>", blocks: [{ type: "divider" }] })) as { ts: string; channel: string };
  await client.reactions.add({ channel, timestamp: ts, name: "eyes" });
  await client.chat.update({ channel, ts, text: "edited" });
  const history = await client.conversations.history({ channel, limit: 1 });
  expect(history.messages).toMatchObject([{ ts, text: "edited" }]);
  await client.chat.delete({ channel, ts });
  expect((await client.conversations.history({ channel })).messages).toEqual([]);
});

test("the official client's own pagination walks every page", async () => {
  const names: (string | undefined)[] = [];
  for await (const page of client.paginate("users.list", { limit: 2 })) {
    for (const member of (page as unknown as { members: { name: string }[] }).members) names.push(member.name);
  }
  expect(names).toEqual(["ada", "grace", "linus", "margaret", "robot"]);
});

test("the official client creates, invites, opens and lists", async () => {
  const { channel } = await client.conversations.create({ name: "from-a-client" });
  await client.conversations.invite({ channel: channel!.id!, users: "U0GRACE,U0LINUS" });
  expect((await client.conversations.members({ channel: channel!.id! })).members).toEqual(["U0ADA", "U0GRACE", "U0LINUS"]);
  const im = await client.conversations.open({ users: "U0GRACE" });
  const mine = await client.users.conversations({ types: "public_channel,im" });
  expect(mine.channels?.map(({ id }) => id)).toEqual(expect.arrayContaining([channel?.id, im.channel?.id]));
});

test("the official client raises our errors under their documented names", async () => {
  await expect(client.chat.postMessage({ channel: "C0NOWHERE", text: "x" })).rejects.toMatchObject({ code: ErrorCode.PlatformError, data: { error: "channel_not_found" } });
  const stranger = new WebClient("xoxb-stranger", { slackApiUrl: `${it.url}/api/` });
  await expect(stranger.auth.test()).rejects.toMatchObject({ data: { error: "invalid_auth" } });
});

test("the official client that posts too much waits as Retry-After says, and gets through by itself", async () => {
  const strict = await startFixture(["--dev", "--user-messages-per-second", "1", "--burst-seconds", "1"]);
  try {
    const bot = new WebClient(robot, { slackApiUrl: `${strict.url}/api/`, logLevel: LogLevel.ERROR });
    const waits: number[] = [];
    bot.on(WebClientEvent.RATE_LIMITED, (seconds: number) => waits.push(seconds));
    for (const text of ["at once", "a second later"]) expect(await bot.chat.postMessage({ channel: "C0GENERAL", text })).toMatchObject({ ok: true });
    expect(waits).toEqual([1]);
    expect(strict.mesh.attempts.map((publish) => "draft" in publish && publish.draft.text)).toEqual(["at once", "a second later"]);
  } finally {
    await strict.stop();
  }
});
