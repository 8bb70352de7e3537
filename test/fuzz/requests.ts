/** Requests of every shape through the filter, against a second reading of what `envoy/README.md` promises. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { encodePairs, type Pairs } from "../host/host.ts";
import { configuration, routedVm, ruleOfEachKind, seal, servers } from "../filter/setup.ts";
import type { Run } from "./run.ts";

const topology = seal(5, { channel: servers("cs", 20, 7001), presence: servers("ps", 3, 7101), gateway: [...servers("gw", 2, 7201, "a"), ...servers("gwb", 2, 7301, "b")] });

type PoolName = "channel" | "presence" | "gateway";

/** What should become of a request: passed as it is, answered with a reason, or given a list. */
type Outcome = { readonly reason: string } | { readonly list: string; readonly hashed: boolean } | undefined;

function byHash(pool: PoolName, key: string | undefined, copies: number, zone = ""): Outcome {
  if (key === undefined || !/^[A-Za-z0-9_-]{1,64}$/.test(key)) return { reason: "bad_id" };
  return { list: topology.view.preference(pool, key, copies, zone).map(({ addr }) => addr).join(","), hashed: true };
}

function byServer(pool: PoolName, key: string): Outcome {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(key)) return { reason: "bad_id" };
  const [prefix, count, port] = pool === "channel" ? (["cs", 20, 7001] as const) : (["ps", 3, 7101] as const);
  const index = servers(prefix, count, port).find(({ id }) => id === key);
  return index === undefined ? { reason: "unknown_server" } : { list: index.addr, hashed: false };
}

/** The only value of a name, if it is there once. */
function single(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined;
}

function fields(text: string, separator: string, name: string): string[] {
  const list = text.split(separator).map((field) => field.replace(/^ +/, ""));
  return list.filter((field) => field.startsWith(`${name}=`)).map((field) => field.slice(name.length + 1));
}

function outcome(pairs: Pairs): Outcome {
  const target = pairs.find(([name]) => name === ":path")?.[1] ?? "";
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const values = (wanted: string): string[] => pairs.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  const upgrade = (pairs.find(([name]) => name === "upgrade")?.[1] ?? "") !== "";

  const template = (pattern: RegExp): string | undefined => pattern.exec(path)?.[1];
  let key: string | undefined;
  if ((key = template(/^\/rooms\/([^/]*)(?:\/.*)?$/s)) !== undefined) return byHash("channel", key, 3);
  if (path.startsWith("/search")) return byHash("presence", single(fields(query, "&", "tenant")), 2);
  if (path.startsWith("/carts/")) return byHash("gateway", single(values("x-customer")), 3, "b");
  if (path.startsWith("/play") && upgrade) {
    const found = byHash("gateway", values("cookie").flatMap((cookie) => fields(cookie, ";", "sid"))[0], 1);
    return found !== undefined && "reason" in found ? undefined : found;
  }
  if ((key = template(/^\/debug\/([^/]*)$/)) !== undefined) return byServer("channel", key);
  if ((key = template(/^\/v1\/channels\/([^/]*)/)) !== undefined) return byHash("channel", key, 3);
  if ((key = template(/^\/v1\/presence\/users\/([^/]*)/)) !== undefined) return byHash("presence", key, 3);
  if ((key = template(/^\/v1\/links\/channel\/([^/]*)/)) !== undefined) return byServer("channel", key);
  if ((key = template(/^\/v1\/links\/presence\/([^/]*)/)) !== undefined) return byServer("presence", key);
  if (!path.startsWith("/ws/")) return undefined;
  const ticket = /^\/ws\/(([A-Za-z0-9_-]{1,64})\.[A-Za-z0-9._~-]+)$/.exec(path);
  return ticket === null || ticket[1]!.length > 256 ? { reason: "bad_ticket" } : byHash("gateway", ticket[2], 3, "b");
}

const bytes = fc.oneof(fc.string({ unit: "binary", maxLength: 80 }), fc.string({ maxLength: 80 })).map((value) => Buffer.from(value).toString("latin1"));
const id = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_-]{1,66}$/), fc.constantFrom("x".repeat(64), "x".repeat(65), "cs-0", "cs-19", "ps-1", "gw-0", "", "\0", "\xff\xfe", "..", "%2e"));
const huge = fc.constantFrom("z".repeat(65_536), "\0".repeat(65_536), `sid=${"s".repeat(65_536)}`, "\xc3\x28".repeat(32_768));
const start = fc.constantFrom(
  "", "/", "/ws/", "/v1/channels/", "/v1/presence/users/", "/v1/links/channel/", "/v1/links/presence/",
  "/rooms/", "/search?tenant=", "/search?x&tenant=", "/carts/", "/play", "/debug/", "/v1/channels", "/search", "/rooms",
);
const end = fc.oneof({ weight: 4, arbitrary: fc.constantFrom("", "/", "?", ".secret", "/x?y=z", "&tenant=T2", "//", "#") }, bytes);
const path = fc.oneof({ weight: 40, arbitrary: fc.tuple(start, fc.oneof(id, bytes), end).map((parts) => parts.join("")) }, { weight: 1, arbitrary: huge });
const name = fc.oneof(
  bytes,
  fc.constantFrom("x-ringway-upstream", "X-Ringway-Upstream", "x-ringway-", "x-RINGWAY-slot", "x-ringway-epoch", ":path", ":method", "", "x-customer", "X-Customer", "cookie", "upgrade"),
);
const value = fc.oneof({ weight: 20, arbitrary: fc.oneof(id, bytes, id.map((key) => `a=b; sid=${key}`), id.map((key) => `sid=${key};sid=x`)) }, { weight: 1, arbitrary: huge });
const known = fc.constantFrom<Pairs>([], [["upgrade", "websocket"]], [["upgrade", "websocket"], ["cookie", "sid=S1"]], [["x-customer", "K1"]]);
const headers = fc.tuple(known, fc.array(fc.tuple(name, value), { maxLength: 6 })).map(([first, rest]): Pairs => [...first, ...rest]);
const wild = fc.tuple(path, headers);
/** Requests that nearly mean it: a rule's own path, and its key once, twice or not quite. */
const meant = fc.tuple(start, id, id, end, fc.nat(3)).map(([from, key, other, rest, how]): [string, Pairs] => {
  const pairs = (name: string, once: string, twice: string): Pairs => [[name, how === 0 ? once : how === 1 ? twice : once], ...(how === 2 ? ([[name, twice]] as Pairs) : [])];
  if (from === "/play") return [from + rest, [["upgrade", "websocket"], ...pairs("cookie", `a=b; sid=${key}`, `sid=${key}; sid=${other}`)]];
  if (from === "/carts/") return [from + rest, pairs("X-Customer", key, other)];
  if (from.startsWith("/search?")) return [`${from}${key}${how === 0 ? "" : `&tenant=${other}`}`, []];
  return [from + key + rest, []];
});

/** A request is answered as documented, with no other host, and of the headers that steer it no one of the client's own making is left; the others are as they were. */
export function requests(parameters: Run): void {
  const vm = routedVm(topology.binary, configuration({ rules: ruleOfEachKind }), "b");
  fc.assert(
    fc.property(fc.oneof(wild, meant), ([asked, given]) => {
      const pairs: Pairs = [[":authority", "test"], [":path", asked], [":method", "GET"], ...given];
      const expected = outcome(pairs);
      const result = vm.request(asked, given);
      const kept = pairs.filter(([at]) => !/^x-ringway-(upstream|epoch|slot)$/i.test(at)).map(([at, text]) => [at, text]);
      const ours = result.headers.slice(kept.length);
      const local = result.local;
      if (!isDeepStrictEqual(result.headers.slice(0, kept.length), kept)) throw new Error("headers of the client were changed");
      const got =
        local !== undefined
          ? { reason: local.details, status: local.status, passed: result.passed, problem: (JSON.parse(local.body) as { reason: string }).reason, ours }
          : { passed: result.passed, ours: ours.map(([at, text]) => [at, at === "x-ringway-slot" ? /^\d{1,5}$/.test(text) : text]) };
      const want =
        expected === undefined
          ? { passed: true, ours: [] }
          : "reason" in expected
            ? { reason: expected.reason, status: expected.reason.startsWith("bad_") ? 400 : 503, passed: false, problem: expected.reason, ours: [] }
            : { passed: true, ours: [["x-ringway-upstream", expected.list], ["x-ringway-epoch", "5"], ...(expected.hashed ? [["x-ringway-slot", true]] : [])] };
      if (!isDeepStrictEqual(got, want)) throw new Error(`expected ${JSON.stringify(want)}, got ${JSON.stringify(got)}`);
    }),
    parameters,
  );
}

/** A header map that no host should give: it does not trap. */
export function headerMaps(parameters: Run): void {
  const vm = routedVm(topology.binary, configuration({ rules: ruleOfEachKind }));
  const good = encodePairs([["x-customer", "K1"], ["x-ringway-upstream", "10.0.0.1:1"], ["upgrade", "a"], ["cookie", "sid=S1"]]);
  const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length)).map(([at, byte, length]) => {
    const copy = Buffer.from(good.subarray(0, length));
    if (at < length) copy[at] = byte;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (map) => {
      for (const path of ["/carts/1", "/play"]) vm.requestRaw(path, map);
    }),
    parameters,
  );
}
