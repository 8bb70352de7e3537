import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { limits } from "../protocol/limits.ts";
import { ask, type Ask } from "../runtime/request.ts";
import { ada, startFixture, type Fixture } from "../../test/webapp/fixture.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

const at = async (path: string, options: Ask = {}): Promise<readonly [number, unknown]> => {
  const { status, json } = await ask(`${it.url}${path}`, options);
  return [status, json];
};
const bearer = { authorization: `Bearer ${ada}` };

/** Sends bytes as they are; resolves with all that comes back until the server closes. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(it.url);
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let back = "";
    socket.on("data", (data) => (back += data.toString()));
    socket.on("close", () => resolve(back));
    socket.on("error", reject);
  });
}

test("it is ready once it is registered", async () => {
  await expect.poll(async () => (await at("/readyz"))[0]).toBe(200);
  expect(await at("/livez")).toEqual([200, { live: true }]);
  expect(await at("/v1/status")).toMatchObject([200, { service: "webapp", id: "webapp-0", dev: true, calls: expect.any(Number) }]);
});

test("a body of more than 256 KiB is refused, at each door in its own words", async () => {
  const body = Buffer.alloc(256 * 1024 + 1, "x");
  const form = { "content-type": "application/x-www-form-urlencoded", ...bearer };
  expect(await at("/api/chat.postMessage", { method: "POST", body, headers: form })).toEqual([200, { ok: false, error: "request_too_large" }]);
  expect(await at("/v1/sessions", { method: "POST", body })).toMatchObject([413, { reason: "body_too_large" }]);
});

test("calls whose bodies are too many bytes together are told ratelimited; those without a body go on, and so do gateways", async () => {
  const { hostname, port } = new URL(it.url);
  const held = Array.from({ length: limits.doorBodyBytes / limits.bodyBytes }, () => connect(Number(port), hostname));
  for (const socket of held) socket.write(`POST /api/chat.postMessage HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${limits.bodyBytes}\r\n\r\n${"x".repeat(limits.bodyBytes - 1)}`);
  const call = (): ReturnType<typeof ask> => ask(`${it.url}/api/auth.test`, { method: "POST", body: { text: "x".repeat(1_000) }, headers: bearer });
  await expect.poll(async () => (await call()).status, { timeout: 10_000 }).toBe(429);
  const { headers, json } = await call();
  expect([headers["retry-after"], json]).toEqual(["1", { ok: false, error: "ratelimited" }]);
  expect(await at("/v1/sessions", { method: "POST", body: { ticket: "U0ADA.x" } })).toMatchObject([401, { reason: "bad_ticket" }]);
  expect(await at("/api/auth.test", { headers: bearer })).toMatchObject([200, { ok: true }]);
  for (const socket of held) socket.destroy();
  await expect.poll(async () => (await call()).status).toBe(200);
});

test.each([
  ["application/json", "{", "invalid_json"],
  ["application/json", "7", "json_not_object"],
  ["multipart/form-data; boundary=b", "--b--", "invalid_post_type"],
  ["application/json; charset=klingon", "{}", "not_authed"],
])("a body of %s holding %j is %s", async (type, text, error) => {
  expect(await at("/api/auth.test", { method: "POST", body: Buffer.from(text), headers: { "content-type": type } })).toMatchObject([200, { ok: false, error }]);
});

test("a body in an encoding that is none is invalid_form_data", async () => {
  const headers = { "content-type": "application/json", "content-encoding": "gzip" };
  expect(await at("/api/auth.test", { method: "POST", body: Buffer.from("not gzip"), headers })).toEqual([200, { ok: false, error: "invalid_form_data" }]);
});

test("the services' own doors are found under their very paths only: the edge keeps strangers from these", async () => {
  expect(await at("/v1/users/U0ADA/channels")).toMatchObject([200, { channels: expect.any(Array) }]);
  for (const path of ["/V1/users/U0ADA/channels", "/v1/Users/U0ADA/channels", "/V1/status", "/%76%31/status"]) expect(await at(path)).toMatchObject([404, { reason: "not_found" }]);
  expect(await at("/V1/sessions", { method: "POST", body: { ticket: "U0ADA.x" } })).toMatchObject([404, { reason: "not_found" }]);
});

test("other HTTP methods are refused", async () => {
  expect(await at("/api/auth.test", { method: "DELETE", headers: bearer })).toEqual([200, { ok: false, error: "method_not_allowed" }]);
});

test("a path that is no path, a Host that is no host and bytes that are no HTTP hurt only themselves", async () => {
  expect(await at("/%ff")).toMatchObject([404, { reason: "not_found" }]);
  expect(await at("/v1/users/%ff/channels")).toMatchObject([400, { reason: "bad_request" }]);
  expect(await raw("GET /api/rtm.connect HTTP/1.1\r\nHost: a\"><script>\r\nConnection: close\r\n\r\n")).toMatch(/invalid_form_data/);
  expect(await raw("GET / HTTP/1.1\r\nHost: a\"><script>\r\nConnection: close\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
  expect(await raw("NONSENSE\r\n\r\n")).toMatch(/^HTTP\/1.1 400 .*bad_request/s);
  expect(await at("/livez")).toEqual([200, { live: true }]);
});

test("behind TLS the URLs it hands out are wss: and https:", async () => {
  const headers = { ...bearer, host: "chat.example.org:8443", "x-forwarded-proto": "https" };
  expect((await at("/api/rtm.connect", { headers }))[1]).toMatchObject({ url: expect.stringMatching(/^wss:\/\/chat\.example\.org:8443\/ws\/U0ADA\./) });
  expect((await at("/api/auth.test", { headers }))[1]).toMatchObject({ url: "https://chat.example.org:8443/" });
});

test.each([{}, { ticket: 7 }, { ticket: null }])("a session for %j is a bad request", async (body) => {
  expect(await at("/v1/sessions", { method: "POST", body })).toMatchObject([400, { reason: "bad_request" }]);
});

test.each(["U0ADA.wrong", "", ".", "U0ADA", "U0ADA.", "x".repeat(10_000)])("the ticket '%s' is a bad ticket", async (ticket) => {
  expect(await at("/v1/sessions", { method: "POST", body: { ticket } })).toMatchObject([401, { reason: "bad_ticket" }]);
});

test.each(["null", "{", ""])("a session body of %j is refused", async (text) => {
  expect(await at("/v1/sessions", { method: "POST", body: Buffer.from(text) })).toMatchObject([400, { reason: expect.stringMatching(/^bad_/) }]);
});

test("a ticket that nobody used in time is bad", async () => {
  const brief = await startFixture(["--dev", "--ticket-ttl-ms", "1000"]);
  try {
    const connected = await brief.call(ada, "rtm.connect");
    const ticket = (connected["url"] as string).split("/ws/")[1];
    const past = Date.now() + 1_001;
    await expect.poll(() => Date.now(), { timeout: 3_000 }).toBeGreaterThan(past);
    expect((await ask(`${brief.url}/v1/sessions`, { method: "POST", body: { ticket } })).status).toBe(401);
  } finally {
    await brief.stop();
  }
});

test.each([
  ['{"C0GENERAL":-1}', "not whole"],
  ['{"C0GENERAL":"1"}', "a string"],
  ['{"../x":1}', "no ID"],
  [JSON.stringify(Object.fromEntries(Array.from({ length: 5_001 }, (_, i) => [`C${i}`, 1]))), "too many"],
  ["[", "no JSON"],
])("x_offsets that are wrong are refused (%#: %s)", async (x_offsets) => {
  expect(await it.call(ada, "rtm.connect", { x_offsets })).toMatchObject({ ok: false, error: "invalid_arguments" });
});

test("the status page loads nothing and names how to begin", async () => {
  const response = await fetch(`${it.url}/`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
  const html = await response.text();
  expect(html).toContain(`curl ${it.url}/api/chat.postMessage`);
  expect(html).toContain("The ring manager does not answer");
});
