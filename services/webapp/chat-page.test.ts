import { afterEach, expect, test } from "vitest";
import { ask } from "../runtime/request.ts";
import { startFixture, type Fixture } from "../../test/webapp/fixture.ts";

let it: Fixture | undefined;
afterEach(async () => {
  await it?.stop();
  it = undefined;
});

test("with --chat the page is at /, its files are kept for ever, and the status page is at /status", async () => {
  it = await startFixture(["--dev", "--chat"]);
  const host = new URL(it.url).host;
  const index = await fetch(`${it.url}/`);
  expect(index.headers.get("content-security-policy")).toBe(`default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://${host}; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
  expect(Object.fromEntries(index.headers)).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
  const names = [...(await index.text()).matchAll(/(?:src|href)="\.\/assets\/([^"]+)"/g)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(1);
  for (const name of names) {
    const { status, headers } = await fetch(`${it.url}/assets/${name}`);
    expect([status, headers.get("cache-control"), headers.get("x-content-type-options"), headers.get("content-type")]).toEqual([200, "public, max-age=31536000, immutable", "nosniff", expect.stringMatching(/^text\/(javascript|css)/)]);
  }
  expect(await (await fetch(`${it.url}/status`)).text()).toContain("Send a first message");
});

test.each(["/assets/", "/assets/index.html", "/assets/..%2findex.html", "/assets/%2e%2e/index.html", "/assets/../../package.json", "/Assets/x.js", "/assets/__proto__"])("%s is no file of the page", async (path) => {
  it = await startFixture(["--dev", "--chat"]);
  expect((await ask(`${it.url}${path}`)).status).toBe(404);
});

test("behind TLS the page may open wss: alone", async () => {
  it = await startFixture(["--dev", "--chat"]);
  const { headers } = await ask(`${it.url}/`, { headers: { host: "chat.example.org", "x-forwarded-proto": "https" } });
  expect(headers["content-security-policy"]).toContain("connect-src 'self' wss://chat.example.org;");
});

test("who may be chosen by a click: the development users, in development, where there is a page", async () => {
  const told = async (flags: readonly string[]): Promise<unknown> => {
    it = await startFixture(flags);
    const { json } = await ask(`${it.url}/demo.json`);
    await it.stop();
    it = undefined;
    return json;
  };
  expect(await told(["--dev", "--chat"])).toMatchObject({ users: [{ name: "ada", realName: "Ada Lovelace", token: "xoxp-dev-ada" }, { name: "grace" }, { name: "linus" }, { name: "margaret" }] });
  expect(await told(["--dev"])).toEqual({ users: [] });
  expect(await told(["--chat"])).toEqual({ users: [] });
});
