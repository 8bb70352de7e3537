import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ProxyHost } from "../host/host.ts";
import { DEV_KEY } from "../../services/ring/key.ts";
import { configuration, routedVm, ruleOfEachKind, seal, servers } from "./setup.ts";

const topology = { cluster: "charm" };
const clusterName = "not a string of 1..200 visible ASCII characters without quotes and backslashes";

function configure(text: string): { configured: boolean; log: string; tickPeriodMs: number } {
  const vm = new ProxyHost().start({ configuration: text });
  return { configured: vm.configured, log: vm.lastLog, tickPeriodMs: vm.tickPeriodMs };
}

/** A configuration with two sound rules and a third that is this one with changes. */
function withRule(changes: Record<string, unknown>): string {
  const sound = { match: { template: "/t/{id}/**" }, key: { segment: "id" }, pool: "channel" };
  return configuration({ routes: undefined, rules: [sound, { ...sound, match: { prefix: "/p", upgrade: true }, key: { cookie: "sid" } }, { ...sound, ...changes }] });
}

describe("the plugin configuration", () => {
  test("the least and the most that it takes", () => {
    expect(configure(configuration())).toEqual({ configured: true, log: "", tickPeriodMs: 20 });
    const full = { zone: "z1", topology: { cluster: "charm", key: "a/b.bin", tickMs: 50, waitMs: 5000 } };
    expect(configure(configuration(full))).toEqual({ configured: true, log: "", tickPeriodMs: 50 });
    expect(configure(` {"routes" : ["gat\\u0065way"],\n"hashKey":"${DEV_KEY.toUpperCase()}", "topology":{"cluster":"c"}} `).configured).toBe(true);
  });

  test.each(["outbound|8500||consul.default.svc.cluster.local", "httproute/ringway/charm/rule/0", "charm:8083", "!#$%&()*+,-./:;<=>?@[]^_`{|}~", "x".repeat(200)])("a cluster may be called %s", (cluster) => {
    expect(configure(configuration({ topology: { cluster } }))).toMatchObject({ configured: true, log: "" });
  });

  test.each<readonly [string, string]>([
    ["", "configuration: not a JSON object"],
    ["[]", "configuration: not a JSON object"],
    ["{}", "hashKey: missing"],
    ["{", "configuration: malformed JSON"],
    ["\n\x07\n\x03key\x12\0", "configuration: not JSON but protobuf bytes; write it as a StringValue"],
    [`${configuration()}x`, "configuration: something follows the object"],
    [configuration({ routes: undefined }), "routes: missing"],
    [configuration({ topology: undefined }), "topology: missing"],
    [configuration({ topology: {} }), "topology.cluster: missing"],
    [configuration({ colour: 1 }), "colour: unknown field"],
    [configuration({ topology: { cluster: "charm", wait: 1 } }), "topology.wait: unknown field"],
    [configuration({ hashKey: 5 }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: DEV_KEY.slice(1) }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: `${DEV_KEY.slice(1)}g` }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ hashKey: `${DEV_KEY.slice(1)}Ā` }), "hashKey: not a string of 32 hexadecimal digits"],
    [configuration({ routes: "gateway" }), "routes: not a list"],
    [configuration({ routes: [] }), "routes: not a list of strings with at least one"],
    [configuration({ routes: ["gateway", "edge"] }), 'routes: unknown route "edge"'],
    ...[1, "", "x".repeat(201), "a b", "a\tb", "ä", 'a"b', "a'b", "a\\b"].map((cluster) => [configuration({ topology: { cluster } }), `topology.cluster: ${clusterName}`] as const),
    ...["", "a?b", "a|b"].map((key) => [configuration({ topology: { cluster: "a", key } }), "topology.key: not a string of 1..200 characters [A-Za-z0-9._/-]"] as const),
    [configuration({ topology: { ...topology, tickMs: 4 } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: "20" } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: 20.5 } }), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, tickMs: 20 } }).replace("20}", "020}"), "topology.tickMs: not a whole number 5..1000"],
    [configuration({ topology: { ...topology, waitMs: 1e15 } }), "topology.waitMs: not a whole number 100..300000"],
    [configuration({ zone: null }), "zone: not a string of at most 64 visible ASCII characters"],
    [configuration({ zone: "a b" }), "zone: not a string of at most 64 visible ASCII characters"],
    [configuration().replace("{", `{"hashKey":"${DEV_KEY}",`), "hashKey: given twice"],
  ])("%j is refused by name", (text, complaint) => {
    expect(configure(text)).toEqual({ configured: false, log: `plugin configuration: ${complaint}`, tickPeriodMs: 0 });
  });

  test("rules of every kind, with routes and without", () => {
    for (const rule of ruleOfEachKind) expect(configure(configuration({ routes: undefined, rules: [rule] })), JSON.stringify(rule)).toMatchObject({ configured: true, log: "" });
    expect(configure(configuration({ rules: ruleOfEachKind })).configured).toBe(true);
    expect(configure(withRule({})).configured).toBe(true);
    expect(configure(withRule({ match: { template: "/{a}/{id}/{a-b}" }, zone: "prefer", copies: 1, by: "hash", onMiss: "pass" })).configured).toBe(true);
  });

  test("the rules of envoy/README.md are sound", () => {
    const manual = readFileSync(new URL("../../envoy/README.md", import.meta.url), "utf8");
    const example = /"rules": (\[.*?\n\])\n```/s.exec(manual)?.[1] ?? "";
    expect(configure(configuration({ routes: undefined, rules: JSON.parse(example) as unknown }))).toMatchObject({ configured: true, log: "" });
  });

  const path = "not a string of 1..200 visible ASCII characters that begins with / and has no ? or #";
  const segments = "only whole segments can be {name}, and only the last one **";
  const name = "not a name of 1..64 characters [A-Za-z0-9._~-]";
  test.each([
    [{ match: undefined }, "rules[2].match: missing"],
    [{ key: undefined }, "rules[2].key: missing"],
    [{ pool: undefined }, "rules[2].pool: missing"],
    [{ match: { upgrade: true } }, "rules[2].match: needs a prefix or a template"],
    [{ match: "/t" }, "rules[2].match: not a JSON object"],
    [{ match: { prefix: "/t", template: "/t" } }, "rules[2].match.template: there is a prefix or a template already"],
    [{ match: { path: "/t" } }, "rules[2].match.path: unknown field"],
    [{ match: { prefix: "/t", upgrade: "yes" } }, "rules[2].match.upgrade: not true or false"],
    [{ match: { prefix: "/t", upgrade: null } }, "rules[2].match.upgrade: not true or false"],
    [{ match: { prefix: "" } }, `rules[2].match.prefix: ${path}`],
    [{ match: { prefix: "t" } }, `rules[2].match.prefix: ${path}`],
    [{ match: { prefix: "/t?x" } }, `rules[2].match.prefix: ${path}`],
    [{ match: { prefix: `/${"x".repeat(200)}` } }, `rules[2].match.prefix: ${path}`],
    [{ match: { template: 1 } }, `rules[2].match.template: ${path}`],
    [{ match: { template: "/t/x{id}" } }, `rules[2].match.template: ${segments}`],
    [{ match: { template: "/t/{id" } }, `rules[2].match.template: ${segments}`],
    [{ match: { template: "/t/{}/x" } }, `rules[2].match.template: ${segments}`],
    [{ match: { template: "/{id}/{id}" } }, `rules[2].match.template: ${segments}`],
    [{ match: { template: "/t/**/{id}" } }, `rules[2].match.template: ${segments}`],
    [{ match: { template: "/{id}/*" } }, `rules[2].match.template: ${segments}`],
    [{ key: {} }, "rules[2].key: needs one of segment, query, header, cookie"],
    [{ key: { segment: "other" } }, "rules[2].key.segment: match.template has no {other}"],
    [{ match: { prefix: "/t/{id}" } }, "rules[2].key.segment: match.template has no {id}"],
    [{ key: { body: "id" } }, "rules[2].key.body: unknown field"],
    [{ key: { query: "a", header: "b" } }, "rules[2].key.header: there is a key already"],
    [{ key: { segment: "id", header: "b" } }, "rules[2].key.header: there is a key already"],
    [{ key: { header: "" } }, `rules[2].key.header: ${name}`],
    [{ key: { header: ":path" } }, `rules[2].key.header: ${name}`],
    [{ key: { header: "x".repeat(65) } }, `rules[2].key.header: ${name}`],
    [{ key: { header: "X-Ringway-Key" } }, "rules[2].key.header: the filter's own header"],
    [{ key: { cookie: "a;b" } }, `rules[2].key.cookie: ${name}`],
    [{ key: { query: "a=b" } }, `rules[2].key.query: ${name}`],
    [{ pool: "webapp" }, 'rules[2].pool: not "channel", "presence" or "gateway"'],
    [{ by: "name" }, 'rules[2].by: not "hash" or "server-id"'],
    [{ zone: true }, 'rules[2].zone: not "prefer" or "ignore"'],
    [{ copies: 0 }, "rules[2].copies: not a whole number 1..3"],
    [{ copies: 4 }, "rules[2].copies: not a whole number 1..3"],
    [{ onMiss: "next" }, 'rules[2].onMiss: not "refuse" or "pass"'],
    [{ by: "server-id", zone: "prefer" }, 'rules[2].zone: not with "by": "server-id"'],
    [{ by: "server-id", copies: 2 }, 'rules[2].copies: not with "by": "server-id"'],
    [{ colour: 1 }, "rules[2].colour: unknown field"],
  ])("a rule with %j is refused by its field's path", (changes, complaint) => {
    expect(configure(withRule(changes))).toEqual({ configured: false, log: `plugin configuration: ${complaint}`, tickPeriodMs: 0 });
  });

  test.each([
    [[], "rules[0]: not a JSON object"],
    [{}, "rules: not a list"],
    [[1], "rules[0]: not a JSON object"],
    [Array.from({ length: 33 }, () => ruleOfEachKind[0]), "rules[32]: more than 32 rules"],
  ])("rules that are %j are refused", (rules, complaint) => {
    expect(configure(configuration({ rules }))).toMatchObject({ configured: false, log: `plugin configuration: ${complaint}` });
  });

  test("a running plugin goes on when its update is refused", () => {
    const vm = routedVm(seal(3, { channel: servers("cs", 3, 7001) }).binary);
    const before = vm.request("/v1/channels/C1");
    const update = vm.addPlugin(withRule({ copies: 9 }));
    expect(update.configured).toBe(false);
    vm.removePlugin(update.root);
    expect(vm.request("/v1/channels/C1")).toEqual(before);
    vm.tick();
    expect(vm.request("/v1/channels/C1")).toEqual(before);
  });
});
