import { expect, test } from "vitest";
import { Health, type Service } from "./health.ts";

const service = (id: string, forgetAfterMs = 60_000): Service => ({
  id,
  name: "web",
  address: "127.0.0.1",
  port: 80,
  tags: [],
  meta: {},
  check: { checkId: `service:${id}`, name: "alive", ttlMs: 2_000, forgetAfterMs, initial: "passing" },
});

function health(): { table: Health; take: () => number } {
  let index = 10;
  return { table: new Health(index), take: () => ++index };
}

test("a check expires at its TTL, not before, and only that takes an index", () => {
  const { table, take } = health();
  table.register(service("a"), 0, take);
  expect(table.setStatus("service:a", "passing", "", 1_000, take)).toEqual([]);
  expect(table.sweep(2_999, 0, take)).toEqual([]);
  expect(table.indexOf("web")).toBe(11);
  expect(table.sweep(3_000, 0, take)).toEqual(["web"]);
  expect([table.list("web")[0]?.status, table.indexOf("web")]).toEqual(["critical", 12]);
});

test("while this very process stood still nobody expires: nobody could be heard", () => {
  const { table, take } = health();
  table.register(service("a"), 0, take);
  expect(table.sweep(10_000, 9_900, take)).toEqual([]);
  expect(table.sweep(11_899, 0, take)).toEqual([]);
  expect(table.sweep(11_900, 0, take)).toEqual(["web"]);
});

test("what is critical for too long is forgotten, unless it passes again", () => {
  const { table, take } = health();
  table.register(service("a"), 0, take);
  table.register(service("b"), 0, take);
  table.register(service("c", 0), 0, take);
  table.sweep(2_000, 0, take);
  table.setStatus("service:b", "passing", "", 30_000, take);
  table.sweep(62_000, 0, take);
  expect(table.list("web").map((member) => [member.service.id, member.status])).toEqual([["b", "critical"], ["c", "critical"]]);
});

test("registering the same again changes nothing; at another address it does", () => {
  const { table, take } = health();
  expect(table.register(service("a"), 0, take)).toEqual(["web"]);
  expect(table.register(service("a"), 10, take)).toEqual([]);
  expect(table.register({ ...service("a"), port: 81 }, 10, take)).toEqual(["web"]);
  expect(table.size).toBe(1);
});

test("an ID that moves to another service leaves the first one", () => {
  const { table, take } = health();
  table.register(service("a"), 0, take);
  expect(table.register({ ...service("a"), name: "api" }, 0, take)).toEqual(["web", "api"]);
  expect([table.list("web"), table.list("api").length]).toEqual([[], 1]);
});
