import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { limits } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/problems.ts";
import { createHttp } from "./http.ts";
import { createLog } from "./log.ts";
import { ask } from "./request.ts";

let counted = 0;
let isCounting = false;
/** Never ends by itself. */
async function* counting(): AsyncGenerator<string> {
  isCounting = true;
  try {
    for (counted = 1; ; counted++) {
      yield `${counted}\n`.padEnd(1_000);
      await new Promise((turn) => setImmediate(turn));
    }
  } finally {
    isCounting = false;
  }
}

const door = createHttp(
  {
    "GET /v1/channels/{id}": ({ params }) => ({ status: 200, body: params }),
    "POST /v1/channels/{id}/messages": async ({ json }) => ({ status: 200, body: await json() }),
    "GET /v1/kv/{key...}": ({ params, query }) => ({ status: 200, body: { ...params, raw: query.has("raw") } }),
    "GET /counting": () => ({ status: 200, headers: { "content-type": "text/plain" }, stream: counting() }),
    "GET /broken": () => {
      throw new Error("a defect");
    },
    "GET /moved": () => {
      throw new ProtocolError("misdirected", "cs-1 owns it");
    },
  },
  createLog("test", "door", "silent"),
  { bodyBytes: 1_000 },
);
let url: string;
beforeAll(async () => {
  url = `http://${await door.listen("127.0.0.1:0")}`;
});
afterAll(() => door.close());

test("a path's parts are handed to its handler, decoded", async () => {
  expect((await ask(`${url}/v1/channels/C%5F1`)).json).toEqual({ id: "C_1" });
  expect((await ask(`${url}/v1/kv/a/b/c?raw`)).json).toEqual({ key: "a/b/c", raw: true });
});

test.each([
  ["/nothing", "GET", undefined, 404, "not_found"],
  ["/v1/channels/C1", "PUT", undefined, 405, "method_not_allowed"],
  ["/v1/channels/C1/messages", "POST", Buffer.from("{no"), 400, "bad_json"],
  ["/v1/channels/C1/messages", "POST", Buffer.alloc(2_000, 32), 413, "body_too_large"],
  ["/v1/channels/%zz", "GET", undefined, 400, "bad_request"],
  ["/broken", "GET", undefined, 500, "internal"],
  ["/moved", "GET", undefined, 421, "misdirected"],
] as const)("%s is answered with a problem", async (path, method, body, status, reason) => {
  const answer = await ask(url + path, { method, ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject({ type: "about:blank", status, reason });
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.headers["x-ringway-reason"]).toBe(reason);
});

test("a stream is sent as it comes, no faster than it is read, and ends with its client", async () => {
  const stop = new AbortController();
  const answer = await fetch(`${url}/counting`, { signal: stop.signal });
  const reader = answer.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^1\n/);
  const stalled = await vi.waitFor(async () => {
    const before = counted;
    await new Promise((turn) => setTimeout(turn, 50));
    expect(counted).toBe(before);
    return before;
  }, 10_000);
  // What the kernel and both ends hold, and not one part more.
  expect(stalled).toBeLessThan(50_000);
  stop.abort();
  await vi.waitFor(() => expect(isCounting).toBe(false));
});

test("a stream whose reader takes nothing of it for too long is ended, and its place is free again", async () => {
  const short = createHttp({ "GET /counting": () => ({ status: 200, stream: counting() }) }, createLog("test", "door", "silent"), { bodyBytes: 1_000, drainMs: 100 });
  const port = Number((await short.listen("127.0.0.1:0")).split(":").at(-1));
  counted = 0;
  const reader = connect(port, "127.0.0.1", () => reader.write("GET /counting HTTP/1.1\r\nhost: x\r\n\r\n"));
  reader.pause();
  reader.on("error", () => undefined);
  await vi.waitFor(() => expect(counted).toBeGreaterThan(100), 5_000);
  await vi.waitFor(() => expect(isCounting).toBe(false), 5_000);
  reader.destroy();
  await short.close(0);
});

test("what is not HTTP gets a 400 and its connection closed, and the door stays open", async () => {
  const port = Number(url.split(":").at(-1));
  const text = await new Promise<string>((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("\u0000\u0001 garbage\r\n\r\n"));
    socket.on("data", (chunk) => (got += chunk.toString("utf8")));
    socket.on("close", () => resolve(got));
  });
  expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*"reason":"bad_request"/);
  expect((await ask(`${url}/v1/channels/C1`)).status).toBe(200);
});

test("an https door is asked by TLS", async () => {
  // What speaks plain HTTP answers a handshake with something that is none.
  await expect(ask(url.replace("http:", "https:"))).rejects.toMatchObject({ code: expect.stringMatching(/^E(PROTO|RR_SSL)/) as unknown });
});

test("bodies that are too many bytes together are refused, and taken again once others are done; what is only announced takes no room", async () => {
  const mebibytes = limits.doorBodyBytes / 2 ** 20;
  const wide = createHttp({ "POST /": async ({ bytes }) => ({ status: 200, body: String((await bytes()).length) }) }, createLog("test", "door", "silent"), { bodyBytes: 2 ** 20 });
  const address = await wide.listen("127.0.0.1:0");
  const body = Buffer.alloc(2 ** 20);
  const post = (): ReturnType<typeof ask> => ask(`http://${address}/`, { method: "POST", body });
  const held = Array.from({ length: mebibytes }, () => connect(Number(address.split(":")[1]), "127.0.0.1"));
  for (const socket of held) socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\nbegun`);
  expect((await post()).json).toBe(body.length);
  for (const socket of held) socket.write(body.subarray(6));
  await vi.waitFor(async () => expect((await post()).json).toMatchObject({ status: 503, reason: "overloaded" }), 5_000);
  expect((await post()).headers["retry-after"]).toBe("1");
  expect((await ask(`http://${address}/`, { method: "POST", body: Buffer.alloc(0) })).status).toBe(200);
  held[0]!.destroy();
  await vi.waitFor(async () => expect((await post()).json).toBe(body.length), 5_000);
  for (const socket of held) socket.destroy();
  await wide.close();
});
