import { afterEach, expect, test, vi } from "vitest";
import { WebApi } from "./web-api.ts";

afterEach(() => void vi.unstubAllGlobals());

test("a token's source that throws is asked again with the next call, also where it throws at once", async () => {
  let asked = 0;
  const api = new WebApi("http://127.0.0.1:1", () => {
    asked++;
    throw new Error("no token now");
  });
  for (let i = 0; i < 3; i++) await expect(api.call("api.test")).rejects.toThrow("no token now");
  expect(asked).toBe(3);
});

test("calls whose token is refused wait for the same new one", async () => {
  let asked = 0;
  vi.stubGlobal("fetch", async (_url: string, { headers }: { headers: { authorization: string } }) => new Response(JSON.stringify(headers.authorization === "Bearer new" ? { ok: true } : { ok: false, error: "token_expired" })));
  const api = new WebApi("http://plane", async (why) => (asked++, why === "first" ? "old" : "new"));
  expect(await Promise.all([api.call("auth.test"), api.call("auth.test"), api.call("auth.test")])).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
  expect(asked).toBe(2);
});
