import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "../runtime/request.ts";
import { ada, startFixture, type Fixture } from "../../test/webapp/fixture.ts";
import { methods } from "./api/table.ts";
import { apiErrors } from "./errors.ts";

let it: Fixture;
beforeAll(async () => void (it = await startFixture()));
afterAll(() => it.stop());

const names = [...new Set(Object.values(methods).flatMap((method) => Object.keys(method.args)))];
const value = fc.oneof(
  fc.constantFrom("C0GENERAL", "U0GRACE", "1700000000.000100", "general", "public_channel", "true", "", "0", "100", "__proto__", "[]", "{}", "\0", "../.."),
  fc.string({ maxLength: 50, unit: "binary" }),
  fc.jsonValue({ maxDepth: 2 }),
);
const call = fc.record({ method: fc.constantFrom(...Object.keys(methods)), args: fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 8 }), asForm: fc.boolean() });

/** fast-check prints its seed with a failure. */
test("whatever the arguments, a method answers with ok or with a documented error that is the caller's", async () => {
  await fc.assert(
    fc.asyncProperty(call, async ({ method, args, asForm }) => {
      const text = (given: unknown): string => (typeof given === "string" ? given : JSON.stringify(given));
      const body = asForm ? Buffer.from(new URLSearchParams(Object.fromEntries(Object.entries(args).map(([name, given]) => [name, text(given)]))).toString()) : args;
      const headers = { authorization: `Bearer ${ada}`, ...(asForm ? { "content-type": "application/x-www-form-urlencoded" } : {}) };
      const { status, json } = await ask(`${it.url}/api/${method}`, { method: "POST", body, headers });
      const { ok, error } = json as { ok: boolean; error?: string };
      expect(status).toBe(200);
      if (!ok && method !== "api.test") {
        expect(Object.keys(apiErrors)).toContain(error);
        expect(error).not.toMatch(/^(internal_error|service_unavailable|unknown_method|invalid_auth)$/);
      }
    }),
    { numRuns: 500 },
  );
}, 60_000);
