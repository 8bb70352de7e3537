import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask } from "../runtime/request.ts";
import { ada, grace, startFixture, type Fixture } from "../../test/webapp/fixture.ts";
import { methods } from "./api/table.ts";
import { RateLimits, tiers } from "./rate-limits.ts";

const open = { userMessagesPerSecond: 0, burstSeconds: 1, apiTier1PerMinute: 0, apiTier2PerMinute: 0, apiTier3PerMinute: 0, apiTier4PerMinute: 0 };

/** How many calls pass before one is refused, and what is said then. */
function passing(rates: RateLimits, user: string, method: string, most = 100): string {
  for (let i = 0; i < most; i++) {
    try {
      rates.admit(user, method);
    } catch (error) {
      const { code, retryAfterMs } = error as { code: string; retryAfterMs: number };
      return `${i}, ${code} for ${retryAfterMs}`;
    }
  }
  return "all";
}

test("every method that asks for a token is in one tier", () => {
  const listed = Object.values(tiers).flat();
  expect([...listed].sort()).toEqual(Object.keys(methods).filter((name) => methods[name]!.auth).sort());
});

describe("a user's calls", () => {
  test("of one method: a minute's at once, then at the rate; other methods and users have their own", () => {
    let now = 0;
    const rates = new RateLimits({ ...open, apiTier3PerMinute: 6 }, () => now);
    expect(passing(rates, "U1", "team.info")).toBe("6, ratelimited for 10000");
    expect(passing(rates, "U1", "bots.info")).toBe("6, ratelimited for 10000");
    expect(passing(rates, "U2", "team.info")).toBe("6, ratelimited for 10000");
    now = 25_000;
    expect(passing(rates, "U1", "team.info")).toBe("2, ratelimited for 5000");
  });

  test.each([[1, "rtm.connect"], [2, "users.list"], [3, "chat.update"], [4, "users.info"]] as const)("of tier %i are bounded by its own flag", (tier, method) => {
    const rates = new RateLimits({ ...open, [`apiTier${tier}PerMinute`]: 3 }, () => 0);
    expect(passing(rates, "U1", method)).toBe("3, ratelimited for 20000");
    const others = Object.values(tiers).flat().filter((name) => !(tiers[tier] as readonly string[]).includes(name));
    for (const other of others) expect(passing(rates, "U1", other), other).toBe("all");
  });

  test("that post messages share one bucket, by the second", () => {
    const rates = new RateLimits({ ...open, userMessagesPerSecond: 2, burstSeconds: 3 }, () => 0);
    rates.admit("U1", "chat.meMessage");
    expect(passing(rates, "U1", "chat.postMessage")).toBe("5, ratelimited for 500");
    expect(passing(rates, "U1", "chat.update")).toBe("all");
  });
});

describe("the door", () => {
  let it: Fixture;
  beforeAll(async () => void (it = await startFixture(["--dev", "--api-tier3-per-minute", "2", "--api-tier4-per-minute", "0"])));
  afterAll(() => it.stop());

  test("answers 429 with Retry-After beyond the limit, to that user and method alone, also where the call is wrong", async () => {
    const get = (token: string, method: string) => ask(`${it.url}/api/${method}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await get(ada, "team.info")).status).toBe(200);
    expect((await get(ada, "conversations.info")).json).toMatchObject({ error: "invalid_arguments" });
    expect((await get(ada, "conversations.info")).json).toMatchObject({ error: "invalid_arguments" });
    const { status, headers, json } = await get(ada, "conversations.info");
    expect([status, json]).toEqual([429, { ok: false, error: "ratelimited" }]);
    expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    expect(Number(headers["retry-after"])).toBeLessThanOrEqual(30);
    expect((await get(ada, "team.info")).status).toBe(200);
    expect((await get(grace, "conversations.info")).status).toBe(200);
    for (let i = 0; i < 5; i++) expect((await get(ada, "users.info?user=U0ADA")).json).toMatchObject({ ok: true });
    expect((await ask(`${it.url}/v1/status`)).json).toMatchObject({ refused: { ratelimited: 1 } });
  });
});
