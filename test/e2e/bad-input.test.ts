/** Bad input at each door: a clear, machine-readable error; that request or connection alone suffers; nothing else notices. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { clientErrors, closeCodes } from "../../services/protocol/client.ts";
import { encodeLink, LINK_VERSION } from "../../services/protocol/link.ts";
import { limits } from "../../services/protocol/limits.ts";
import { api, call, connectRtm, Rtm } from "./client.ts";
import { charmStatus, makeChannels, topologyOf } from "./operate.ts";
import { people } from "./people.ts";
import { usePlane } from "./plane.ts";
import { rawRequest, rawUpgrade, type RawAnswer } from "./raw.ts";
import { until } from "./wait.ts";

const plane = usePlane();
const { ada, grace, margaret } = people;
let channel: string;
let bystander: Rtm;
let pids: Record<string, number | null>;
let sent = 0;

beforeAll(async () => {
  [channel] = (await makeChannels(plane(), 1, "bad-input")) as [string];
  bystander = await connectRtm(plane().url, grace.token);
  pids = await plane().pids();
});

/** After each attack the bystander's socket still works, and every process is the one it was. */
afterEach(async () => {
  const text = `still here ${++sent}`;
  await call(plane().url, ada.token, "chat.postMessage", { channel, text });
  await bystander.waitFor(text, (frame) => frame.text === text);
  expect(await plane().pids()).toEqual(pids);
});

afterAll(async () => {
  await bystander.close();
  expect(await plane().log("envoy")).not.toMatch(/trap|Uncaught|Proxy-Wasm.*fail|Function: proxy_/i);
});

const json = { "content-type": "application/json", authorization: `Bearer ${ada.token}` };
const post = (body: string | Uint8Array, headers: Record<string, string> = json): Promise<RawAnswer> =>
  rawRequest(`${plane().url}/api/chat.postMessage`, { method: "POST", headers, body });
const errorOf = (answer: RawAnswer): unknown => (JSON.parse(answer.text) as { error: unknown }).error;
const reasonOf = (answer: RawAnswer): unknown => (JSON.parse(answer.text) as { reason: unknown }).reason;

describe("HTTP bodies", () => {
  test.each([
    ["not JSON", "{", "invalid_json"],
    ["no object", "[1,2]", "json_not_object"],
    ["arguments of wrong types", JSON.stringify({ channel: { a: 1 }, text: ["x"] }), "invalid_arguments"],
    ["nothing in it", "{}", "invalid_arguments"],
    ["not UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), "invalid_json"],
    ["deeper than anybody reads", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "invalid_json"],
  ])("%s", async (_what, body, error) => {
    const answer = await post(body);
    expect(answer.status).toBe(200);
    expect(errorOf(answer)).toBe(error);
  });

  test("longer than 256 KiB", async () => {
    const answer = await post(JSON.stringify({ channel, text: "x".repeat(300_000) }));
    expect(errorOf(answer)).toBe("request_too_large");
  });

  test("text longer than 40,000 characters", async () => {
    expect(await api(plane().url, ada.token, "chat.postMessage", { channel, text: "x".repeat(limits.textChars + 1) })).toMatchObject({ ok: false, error: "msg_too_long" });
  });

  test("of a type that nobody speaks", async () => {
    expect(errorOf(await post("<a/>", { ...json, "content-type": "text/xml" }))).toBe("invalid_post_type");
  });

  test("at the mesh's door: not JSON, too large, of wrong types", async () => {
    const door = `${plane().mesh}/v1/channels/${channel}/messages`;
    const headers = { "content-type": "application/json" };
    const refused = async (body: string): Promise<[number, unknown]> => {
      const answer = await rawRequest(door, { method: "POST", headers, body });
      return [answer.status, reasonOf(answer)];
    };
    expect(await refused("{")).toEqual([400, "bad_json"]);
    expect(await refused("null")).toEqual([400, "bad_request"]);
    expect(await refused(JSON.stringify({ kind: "message", user: 1, key: {}, draft: "x" }))).toEqual([400, "bad_request"]);
    expect(await refused(JSON.stringify({ kind: "message", user: "U0ADA", key: "k", draft: { text: "x".repeat(300_000) } }))).toEqual([413, "body_too_large"]);
  });
});

describe("queries and paths", () => {
  test("arguments that are not valid are named", async () => {
    const url = `${plane().url}/api/conversations.history?channel=${channel}&limit=many&cursor=%00`;
    const answer = await rawRequest(url, { headers: { authorization: `Bearer ${ada.token}` } });
    expect(JSON.parse(answer.text)).toMatchObject({ ok: false, error: expect.stringMatching(/^invalid_(limit|cursor|arguments)$/) as string });
  });

  test("an unknown method, an unknown path, the servers' own doors", async () => {
    expect(await api(plane().url, ada.token, "no.such")).toMatchObject({ ok: false, error: "unknown_method" });
    const nowhere = await rawRequest(`${plane().url}/nowhere`);
    expect([nowhere.status, reasonOf(nowhere)]).toEqual([404, "not_found"]);
    const inner = await rawRequest(`${plane().url}/v1/channels/${channel}`);
    expect([inner.status, reasonOf(inner)]).toEqual([404, "not_found"]);
  });

  test.each(["%ff", "a%2fb", "a.b", "ä", "x".repeat(65), ""])("a channel ID that is none: '%s'", async (id) => {
    const answer = await rawRequest(`${plane().mesh}/v1/channels/${encodeURI(decodeURIComponentSafe(id))}`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });

  test("a query that is out of range at the mesh's door", async () => {
    const answer = await rawRequest(`${plane().mesh}/v1/channels/${channel}/events?after=-1&limit=1e9`);
    expect([answer.status, reasonOf(answer)]).toEqual([400, "bad_request"]);
  });
});

describe("headers", () => {
  test("64 KiB in one", async () => {
    const answer = await rawRequest(`${plane().url}/api/api.test`, { headers: { "x-long": "x".repeat(64 * 1024) } });
    expect(answer.status).toBe(431);
  });

  test("forged x-ringway-* headers choose nothing and come through nowhere", async () => {
    const forged = { "x-ringway-upstream": "127.0.0.1:1", "x-ringway-epoch": "999999999", "x-ringway-slot": "1", "X-Ringway-Owner": "me" };
    const answer = await rawRequest(`${plane().url}/api/auth.test`, { headers: { ...forged, authorization: `Bearer ${ada.token}` } });
    expect(JSON.parse(answer.text)).toMatchObject({ ok: true, user_id: ada.user });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("x-ringway-"))).toEqual([]);
    const inner = await rawRequest(`${plane().mesh}/v1/channels/${channel}`, { headers: forged });
    expect(inner.status).toBe(200);
    expect(JSON.parse(inner.text)).toMatchObject({ channel, epoch: (await topologyOf(plane())).epoch });
  });

  test("a token that is none, and none at all", async () => {
    expect(await api(plane().url, "xoxp-\u007f", "auth.test").catch(() => ({ error: "invalid_auth" }))).toMatchObject({ error: "invalid_auth" });
    expect(await api(plane().url, "xoxp-nobody", "auth.test")).toMatchObject({ ok: false, error: "invalid_auth" });
    expect(await api(plane().url, undefined, "auth.test")).toMatchObject({ ok: false, error: "not_authed" });
  });
});

describe("frames of a client socket", () => {
  let rtm: Rtm;
  const open = async (): Promise<Rtm> => (rtm = await connectRtm(plane().url, margaret.token));
  afterEach(() => rtm.close());
  const refusal = (frame: unknown): Promise<unknown> => {
    const from = rtm.frames.length;
    rtm.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    return rtm.waitFor(`a refusal of ${JSON.stringify(frame).slice(0, 80)}`, (reply) => reply.ok === false && rtm.frames.indexOf(reply) >= from).then((reply) => reply.error?.code);
  };
  const code = (name: keyof typeof clientErrors): number => clientErrors[name][0];

  test("what is not right in itself is refused by its code, and the socket goes on", async () => {
    await open();
    expect(await refusal("{")).toBe(code("bad_json"));
    expect(await refusal("[]")).toBe(code("bad_json"));
    expect(await refusal("null")).toBe(code("bad_json"));
    // Its own IDs are far from those that Rtm gives.
    expect(await refusal({ id: 1001 })).toBe(code("bad_frame"));
    expect(await refusal({ id: { a: 1 }, type: "ping" })).toBe(code("bad_frame"));
    expect(await refusal({ id: 1002, type: "no_such_type" })).toBe(code("unknown_type"));
    expect(await refusal({ id: 1003, type: "message", channel })).toBe(code("no_text"));
    expect(await refusal({ id: 1004, type: "message", channel: 7, text: "x" })).toBe(code("channel_not_found"));
    expect(await refusal({ id: 1005, type: "message", channel: "C0NOWHERE", text: "x" })).toBe(code("channel_not_found"));
    expect(await refusal({ id: 1006, type: "message", channel, text: "x".repeat(limits.textChars + 1) })).toBe(code("msg_too_long"));
    expect(await refusal({ id: 1007, type: "presence_sub", ids: "U0ADA" })).toBe(code("bad_frame"));
    expect(await refusal({ id: 1008, type: "presence_sub", ids: Array.from({ length: 501 }, (_, i) => `U${i}`) })).toBe(code("too_many_users"));
    expect(await rtm.ask({ type: "ping", extra: "field" })).toMatchObject({ type: "pong", extra: "field" });
  });

  test("a binary frame closes this socket with 1002", async () => {
    await open();
    rtm.socket.send(Buffer.from([0, 1, 2, 3]));
    expect((await rtm.closed).code).toBe(closeCodes.protocol);
  });

  test("a frame of more than 64 KiB closes this socket with 1009", async () => {
    await open();
    rtm.socket.send(JSON.stringify({ id: 1, type: "ping", pad: "x".repeat(limits.clientFrameBytes) }));
    expect((await rtm.closed).code).toBe(closeCodes.too_large);
  });

  test("bytes that are no frame at all close this socket", async () => {
    await open();
    (rtm.socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0]));
    expect((await rtm.closed).code).toBeGreaterThanOrEqual(1002);
  });
});

describe("tickets", () => {
  // The filter knows a ticket by its shape (400), webapp by its secret (401).
  test.each(["/ws/", "/ws/a.b", "/ws/nodot", "/ws/.x", `/ws/U0ADA.${"x".repeat(300)}`, "/ws/U0ADA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/ws/U0ADA.x/y"])("%s is refused as bad_ticket", async (path) => {
    const answer = await rawUpgrade(plane().url + path);
    expect([400, 401]).toContain(answer.status);
    expect(reasonOf(answer)).toBe("bad_ticket");
  });

  test("a path that no path may be is refused by Envoy itself", async () => {
    expect((await rawUpgrade(`${plane().url}/ws/%00.x`)).status).toBe(400);
  });

  test("serves once", async () => {
    const { url } = await call(plane().url, margaret.token, "rtm.connect");
    const first = new Rtm(url as string);
    await first.waitFor("hello", (frame) => frame.type === "hello");
    const again = await rawUpgrade((url as string).replace("ws:", "http:"));
    expect([again.status, reasonOf(again)]).toEqual([401, "bad_ticket"]);
    await first.close();
  });

  test("is no good with another user's name before it", async () => {
    const { url } = await call(plane().url, margaret.token, "rtm.connect");
    const answer = await rawUpgrade((url as string).replace("ws:", "http:").replace(margaret.user, ada.user));
    expect([answer.status, reasonOf(answer)]).toEqual([401, "bad_ticket"]);
  });

  test("a plain request at the socket's door is refused", async () => {
    const { url } = await call(plane().url, margaret.token, "rtm.connect");
    const answer = await rawRequest((url as string).replace("ws:", "http:"));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(reasonOf(answer)).toBeTypeOf("string");
  });
});

describe("links", () => {
  const open = (path: string): Promise<{ socket: WebSocket; closed: Promise<number> }> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(plane().mesh.replace("http:", "ws:") + path);
      const closed = new Promise<number>((done) => socket.on("close", done));
      socket.on("open", () => resolve({ socket, closed }));
      socket.on("error", reject);
    });

  test.each([
    ["garbage", Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9])],
    ["an unknown record type", Buffer.from([1, 0, 0, 0, 255])],
    ["a record cut short", encodeLink({ type: "subscribe", chan: 1, after: 0, id: "C0GENERAL" }).subarray(0, 12)],
    ["a length beyond the message", Buffer.from([255, 255, 255, 255, 16])],
    ["a channel that was never subscribed", encodeLink({ type: "publish", req: 1, chan: 99, origin: 0, user: "U0ADA", key: "k", taken: 0, trace: "", draft: Buffer.from("{}") })],
  ])("%s to a channel server through the mesh ends that link alone, or is refused", async (_what, bytes) => {
    const { socket, closed } = await open("/v1/links/channel/cs-0");
    socket.send(encodeLink({ type: "hello", v: LINK_VERSION, server: "gw-x", epoch: 1 }));
    const answered = new Promise<string>((resolve) => {
      socket.on("message", (data: Buffer) => {
        if (data.includes("bad_request") || data[4] === 36 || data[4] === 37) resolve("refused");
      });
    });
    socket.send(bytes);
    const end = await Promise.race([closed, answered]);
    expect([1002, 1003, 1007, "refused"]).toContain(end);
    socket.terminate();
  });

  test.each([
    ["text to a channel server", "/v1/links/channel/cs-0", "hello"],
    ["text to a presence server", "/v1/links/presence/ps-0", "hello"],
    ["garbage to a presence server", "/v1/links/presence/ps-0", Buffer.from("garbage")],
  ] as const)("%s closes that link", async (_what, path, data) => {
    const { socket, closed } = await open(path);
    socket.send(data);
    expect([1002, 1003]).toContain(await closed);
  });

  test("to a server that does not exist is refused", async () => {
    const answer = await rawUpgrade(`${plane().mesh}/v1/links/channel/cs-99`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(reasonOf(answer)).toBeTypeOf("string");
  });
});

/** What a real Consul takes is its own affair. */
const isConsul = process.env["RINGWAY_TEST_CONSUL"] !== undefined;
if (isConsul) console.log("the embedded registry's bad input is not tested: the plane stands on a real Consul");

describe("registry and charm", () => {
  const put = (path: string, body: string | Uint8Array): Promise<RawAnswer> => rawRequest(plane().registry + path, { method: "PUT", headers: { "content-type": "application/json" }, body });

  test.skipIf(isConsul)("a registration that is not valid is refused and nobody joins", async () => {
    const before = await topologyOf(plane());
    for (const body of ["{", "[]", "{}", JSON.stringify({ Name: "ringway-channel", ID: "cs-x", Port: 99_999 }), JSON.stringify({ Name: "ringway-channel", Check: { TTL: "soon" } })]) {
      expect((await put("/v1/agent/service/register", body)).status).toBe(400);
    }
    expect((await put("/v1/agent/check/pass/service:nobody", "")).status).toBe(404);
    expect(await topologyOf(plane())).toEqual(before);
  });

  test("a server whose registration Ringway cannot use is left out of the ring", async () => {
    const before = await topologyOf(plane());
    const odd = { Name: "ringway-channel", ID: "cs 0/..", Address: "not an address", Port: 1, Meta: { zone: "?", weight: "heavy" }, Check: { TTL: "2s", Status: "passing" } };
    expect((await put("/v1/agent/service/register", JSON.stringify(odd))).status).toBe(200);
    await until("charm to have looked at it", async () => odd.ID in (await charmStatus(plane())).ignored);
    await put(`/v1/agent/service/deregister/${encodeURIComponent(odd.ID)}`, "");
    expect((await topologyOf(plane())).pools.channel).toEqual(before.pools.channel);
  });

  test.skipIf(isConsul)("a key that is too long, a value that is too large", async () => {
    expect((await put(`/v1/kv/${"k".repeat(5_000)}`, "x")).status).toBe(400);
    expect((await put("/v1/kv/large", "x".repeat(600_000))).status).toBe(413);
  });

  test("an operator's request that is not valid", async () => {
    for (const [server, body] of [["nobody", '{"drain":true}'], ["cs-0", "{"], ["cs-0", '{"weight":-1}'], ["cs-0", '{"drain":"yes"}']] as const) {
      const answer = await rawRequest(`${plane().charm}/v1/charm/servers/${server}`, { method: "PUT", headers: { "content-type": "application/json" }, body });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(reasonOf(answer)).toBeTypeOf("string");
    }
  });

  test.each([
    ["ringway/topology.bin", Buffer.from("garbage")],
    ["ringway/topology.bin", Buffer.alloc(0)],
    ["ringway/topology", Buffer.from("{")],
  ])("a damaged document at %s is not used: everybody keeps the last good one, and charm repairs it", async (key, damage) => {
    const before = await topologyOf(plane());
    const stored = async (): Promise<Buffer> => Buffer.from(await (await fetch(`${plane().registry}/v1/kv/${key}?raw`)).arrayBuffer());
    const good = await stored();
    expect((await put(`/v1/kv/${key}`, damage)).status).toBe(200);
    for (let i = 0; i < 20; i++) {
      expect((await rawRequest(`${plane().mesh}/v1/channels/${channel}`)).status).toBe(200);
    }
    await until("charm to repair it", async () => {
      const now = await stored();
      return now.equals(good) || (await topologyOf(plane())).epoch > before.epoch;
    });
    expect((await topologyOf(plane())).pools).toEqual(before.pools);
  });
});

function decodeURIComponentSafe(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
