/** Plugin configurations of every shape: taken whole or refused by a field's path, and never a running plugin disturbed. */
import fc from "fast-check";
import { configuration, routedVm, ruleOfEachKind, seal, servers } from "../filter/setup.ts";
import type { Run } from "./run.ts";

const members = [...servers("cs", 5, 7001), ...servers("ps", 3, 7101), ...servers("gw", 4, 7201)];
const binary = seal(5, { channel: members.slice(0, 5), presence: members.slice(5, 8), gateway: members.slice(8) }).binary;
const addresses = new Set(members.map(({ addr }) => addr));
const good = configuration({ zone: "z", rules: ruleOfEachKind, topology: { cluster: "charm", key: "ringway/topology.bin", tickMs: 20, waitMs: 1000 } });

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every place in a JSON value that can be changed: a container and a key of it. */
function places(value: Json, found: [Record<string, Json>, string][] = []): [Record<string, Json>, string][] {
  if (typeof value !== "object" || value === null) return found;
  const container = value as Record<string, Json>;
  for (const key of Object.keys(container)) {
    found.push([container, key]);
    places(container[key]!, found);
  }
  return found;
}

const words = fc.constantFrom<Json>(
  "", "/", "/{id}", "/**", "/{room}/**", "{room}", "hash", "server-id", "prefer", "ignore", "pass", "channel", "gateway", "link", "x-ringway-a", "cookie",
  "\0", "é", "x".repeat(300), "/".repeat(200), true, false, null, 0, 1, 2, 3, 4, 1e9, -1, 0.5, [], {}, ["channel"], { segment: "room" }, { header: "A" }, { prefix: "/a" },
);
/** Replaces, removes, renames or repeats what stands at a place. */
const edit = fc.record({ place: fc.nat(500), how: fc.constantFrom("replace", "replace", "remove", "rename", "copy"), word: fc.oneof(words, fc.jsonValue() as fc.Arbitrary<Json>), to: fc.nat(500) });
const structural = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
  const value = JSON.parse(good) as Json;
  for (const { place, how, word, to } of edits) {
    const all = places(value);
    const [container, key] = all[place % all.length]!;
    const [other, otherKey] = all[to % all.length]!;
    const copy = JSON.parse(JSON.stringify(container[key])) as Json;
    if (how === "replace") container[key] = word;
    else if (how === "copy") other[otherKey] = copy;
    else if (Array.isArray(container)) container.splice(Number(key), 1);
    else delete container[key];
    if (how === "rename" && !Array.isArray(container)) container[otherKey] = copy;
    if (places(value).length === 0) break;
  }
  return JSON.stringify(value);
});
const textual = fc
  .tuple(fc.nat(good.length), fc.oneof(fc.constantFrom(0, 0, 1), fc.nat(good.length)), fc.oneof(fc.string(), fc.constantFrom('"', "\\", "\\u", "{", "}", "[", "]", ",", "0", "-", "t", "true", "")))
  .map(([from, cut, text]) => good.slice(0, from) + text + good.slice(from + cut));

const paths = ["/rooms/R1/x", "/search?tenant=T1", "/carts/1", "/play", "/debug/cs-1", "/v1/channels/C1", "/ws/U1.x", "/", "/a", "/{id}", "/%", ""];

export function configurations(parameters: Run): void {
  const vm = routedVm(binary, good);
  const first = vm.addPlugin(good).root;
  const running = (): string => JSON.stringify(paths.map((path) => vm.request(path, [["x-customer", "K1"]], first)));
  const before = running();
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: structural }, { weight: 2, arbitrary: textual }, fc.json(), fc.string({ unit: "binary" })), (text) => {
      const { root, configured } = vm.addPlugin(text);
      const said = vm.lastLog;
      if (configured) {
        JSON.parse(text);
        for (const path of paths) {
          const { headers, local } = vm.request(path, [["x-customer", "K1"], ["upgrade", "websocket"], ["cookie", "sid=S1"]], root);
          const list = headers.find(([name]) => name === "x-ringway-upstream")?.[1].split(",") ?? [];
          if (list.some((address) => !addresses.has(address))) throw new Error(`${list.join()} is not of the topology`);
          if (local !== undefined && local.status !== 400 && local.status !== 503) throw new Error(`answered ${local.status}`);
        }
      }
      vm.removePlugin(root);
      if (!configured && !/^plugin configuration: .*: ./s.test(said)) throw new Error(`refused with ${said}`);
      if (running() !== before) throw new Error("the running plugin was disturbed");
    }),
    parameters,
  );
}
