import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../../runtime/request.ts";
import { ada, robot, startFixture, type Fixture } from "../../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

test("api.test echoes its arguments, or the error it is given", async () => {
  expect(await it.call(undefined, "api.test", { foo: "bar" })).toEqual({ ok: true, args: { foo: "bar" } });
  expect(await it.call(undefined, "api.test", { error: "my_error" })).toEqual({ ok: false, error: "my_error", args: { error: "my_error" } });
});

test("auth.test names the user, and a bot_id for people, too, since clients compare with it", async () => {
  const person = await it.call(ada, "auth.test");
  expect(person).toMatchObject({ ok: true, url: `${it.url}/`, team: "Ringway", team_id: "T0RINGWAY", user: "ada", user_id: "U0ADA", bot_id: "B0ADA" });
  expect(await it.call(robot, "auth.test")).toMatchObject({ ok: true, user: "robot", user_id: "U0ROBOT", bot_id: "B0ROBOT" });
});

test("an authenticated answer carries x-oauth-scopes in lower case", async () => {
  const { headers } = await fetchRaw(`${it.url}/api/auth.test`);
  expect(headers.some((name) => name === "x-oauth-scopes")).toBe(true);
});

test("no token is not_authed, a wrong one invalid_auth", async () => {
  expect(await it.call(undefined, "auth.test")).toEqual({ ok: false, error: "not_authed" });
  expect(await it.call("xoxp-wrong", "auth.test")).toEqual({ ok: false, error: "invalid_auth" });
});

test("the token may come in the header, the query, a form or JSON", async () => {
  const answers = await Promise.all([
    ask(`${it.url}/api/auth.test`, { headers: { authorization: `Bearer ${ada}` } }),
    ask(`${it.url}/api/auth.test?token=${ada}`),
    ask(`${it.url}/api/auth.test`, { method: "POST", body: Buffer.from(`token=${ada}`), headers: { "content-type": "application/x-www-form-urlencoded" } }),
    ask(`${it.url}/api/auth.test`, { method: "POST", body: { token: ada } }),
  ]);
  for (const { status, json } of answers) expect([status, json]).toMatchObject([200, { ok: true, user_id: "U0ADA" }]);
});

test.each(["no.such", "", "constructor", "__proto__", "auth.test/x", "%ff"])("there is no method '%s'", async (name) => {
  const { status, json } = await ask(`${it.url}/api/${name}`, { headers: { authorization: `Bearer ${ada}` } });
  expect([status, json]).toMatchObject([200, { ok: false, error: "unknown_method" }]);
});

/** Header names as they stand on the wire; fetch and http lower-case them. */
async function fetchRaw(url: string): Promise<{ headers: string[] }> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { authorization: `Bearer ${ada}` } }, (res) => {
      res.resume();
      resolve({ headers: res.rawHeaders.filter((_, i) => i % 2 === 0) });
    })
      .on("error", reject)
      .end();
  });
}
