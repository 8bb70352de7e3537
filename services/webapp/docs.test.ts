/** docs/protocol.md says what the code says: all of it, and nothing else. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { flags as channel } from "../channel/config.ts";
import { flags as gateway } from "../gateway/config.ts";
import { clientErrors, closeCodes } from "../protocol/client.ts";
import { limits } from "../protocol/limits.ts";
import { problems } from "../protocol/problems.ts";
import type { Flags } from "../runtime/flags.ts";
import { methods } from "./api/table.ts";
import { flags as webapp } from "./config.ts";
import { apiErrors } from "./errors.ts";
import { tiers } from "./rate-limits.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/protocol.md");

/** Rows of the first table after a heading, each as the texts of its cells. */
function table(heading: string): string[][] {
  const rows = page.slice(page.indexOf(`${heading}\n`)).split("\n| ").slice(1);
  const list: string[][] = [];
  for (const row of rows) {
    list.push(row.split("\n")[0]!.split(" |").map((cell) => cell.trim()));
    if (row.includes("\n\n")) break;
  }
  return list.slice(1);
}
const quoted = (text = ""): string[] => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

test("every method stands there with its arguments, the required ones marked", () => {
  const rows = table("## Web API").map(([name = "", args = ""]) => [quoted(name)[0], quoted(args).filter((arg) => !/^(auto|away)$/.test(arg)).sort(), [...args.matchAll(/\*`(\w+)`\*/g)].map((match) => match[1]).sort()]);
  const expected = Object.entries(methods).map(([name, { args }]) => [
    name,
    Object.keys(args).sort(),
    Object.keys(args).filter((arg) => args[arg]!.required === true).sort(),
  ]);
  const byName = (a: unknown[], b: unknown[]): number => (String(a[0]) < String(b[0]) ? -1 : 1);
  expect(rows.sort(byName)).toEqual(expected.sort(byName));
});

test("every error of the Web API", () => {
  expect(table("### Errors").flatMap(([codes]) => quoted(codes)).sort()).toEqual(Object.keys(apiErrors).sort());
});

test("every error and close code of the client socket", () => {
  expect(table("### From the client").length).toBeGreaterThan(3);
  const errors = [...page.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map((match) => [Number(match[1]), match[2]] as const);
  for (const [reason, [code]] of Object.entries(clientErrors)) expect(errors).toContainEqual([code, reason]);
  const codes = [...page.slice(page.indexOf("| close code")).matchAll(/^\| (\d{4}) \|/gm)].map((match) => Number(match[1]));
  expect(codes.sort()).toEqual(Object.values(closeCodes).sort());
});

test("every problem with its status", () => {
  const rows = table("## The server API\n".trim());
  expect(rows.length).toBeGreaterThan(5);
  const listed = [...page.slice(page.indexOf("| status | `reason`")).split("\n\n")[0]!.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)].flatMap((match) =>
    quoted(match[2]).filter((reason) => !reason.startsWith("x-")).map((reason) => [reason, Number(match[1])] as const),
  );
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(Object.entries(problems).map(([reason, [status]]) => [reason, status])));
});

test("every record of the link with its number and fields", () => {
  const declared = [...read("services/protocol/link.ts").matchAll(/^ {2}(\w+): \[(\d+), \{ (.*) \}\],$/gm)].map((match) => [match[1]!, Number(match[2]), match[3]!.replace(/[:"]/g, "").split(", ")] as const);
  expect(declared.length).toBeGreaterThan(20);
  const listed = table("## The link").flatMap(([numbers = "", names, fields = ""]) => quoted(names).map((name, i) => [name, Number(numbers.split(", ")[i]), fields] as const));
  expect(listed.map(([name, number]) => [name, number]).sort()).toEqual(declared.map(([name, number]) => [name, number]).sort());
  for (const [name, , fields] of declared) {
    const row = listed.find(([other]) => other === name)![2];
    for (const field of fields) expect(row, name).toContain(field);
  }
});

test("every rate limit with its flag and default, and every tier with its methods", () => {
  const flags: Flags = { ...webapp, ...gateway, ...channel };
  const rates = Object.entries(flags).filter(([name]) => /-per-(second|minute)$/.test(name) && name !== "reconnects-per-second");
  const listed = table("## Rate limits").map(([, , , flag, value]) => [quoted(flag)[0]?.slice(2), Number(value)]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(rates.map(([name, flag]) => [name, "default" in flag && flag.default])));
  for (const [name, flag] of rates) expect("env" in flag && flag.env, name).toBe(`RINGWAY_${name.toUpperCase().replaceAll("-", "_")}`);
  const tables = table("token, has no limit.");
  expect(Object.fromEntries(tables.map(([tier, names]) => [tier, quoted(names)]))).toEqual(Object.fromEntries([1, 2, 3, 4].map((tier) => [tier, tiers[tier as 1]])));
});

test("every limit with its value", () => {
  const listed = table("## Limits").flatMap(([names, values = ""]) => quoted(names).map((name, i) => [name, Number(values.split(", ")[i])] as const));
  expect(Object.fromEntries(listed)).toEqual(limits);
});
