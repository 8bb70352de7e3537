/** What an operator sees of the filter in a running Envoy: statistics with tags, the dashboard that shows them, the access log. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until, type Envoy } from "./envoy.ts";
import { Stage } from "./stage.ts";
import { ask } from "./upstream.ts";
import { at, document, named, root, set } from "./yaml.ts";

const stage = new Stage();
let envoy: Envoy;
let epoch = 0;
let page = "";
let link = 0;
let nobody = 0;

/** Lines of /stats/prometheus, parsed: `name{label="value",…} number`. */
interface Sample {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

function samples(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([a-z_][a-z0-9_]*)\{(.*)\} (\S+)$/i.exec(line);
    if (match === null) return [];
    const labels = Object.fromEntries([...match[2]!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]));
    return [{ name: match[1]!, labels, value: Number(match[3]) }];
  });
}

beforeAll(async () => {
  await stage.start();
  const bootstrap = await document("envoy/envoy.yaml");
  const { access_log } = await document("envoy/examples/access-log.yaml");
  for (const name of ["edge", "mesh"]) {
    const listener = named(at(bootstrap, "static_resources", "listeners"), name);
    set(listener, ["filter_chains", 0, "filters", 0, "typed_config"], "access_log", access_log!);
  }
  envoy = await stage.envoy(bootstrap);
  epoch = stage.publish();
  const [first] = stage.preference("channel", "C1");
  await stage.answers(first!, envoy.mesh, "/v1/channels/C1?warm");
  await until(async () => (await envoy.stat("wasmcustom.ringway_epoch")) === epoch);
  await stage.answers(first!, envoy.mesh, "/v1/channels/C1?warm");

  for (let i = 0; i < 3; i++) await ask(envoy.mesh, "/v1/presence/users/U1");
  await ask(envoy.edge, "/ws/U1.secret");
  await ask(envoy.mesh, "/v1/channels/a%2Fb", { headers: { "x-ringway-upstream": "10.0.0.1:1", "x-ringway-epoch": "99", "x-ringway-slot": "1" } });
  first!.behaviour = "misdirected";
  await ask(envoy.mesh, "/v1/channels/C1?misdirected");
  link = (await ask(envoy.mesh, `/v1/links/channel/${first!.id}`)).status;
  for (const upstream of stage.upstreams.presence) upstream.behaviour = "misdirected";
  nobody = (await ask(envoy.mesh, "/v1/presence/users/U2")).status;
  // Each VM tells what it counted at its next tick.
  await until(async () => {
    for (const [name, count] of Object.entries({ routed_presence: 4, routed_gateway: 1, routed_link: 1, bad_id: 1 })) {
      if ((await envoy.stat(`wasmcustom.ringway_${name}`)) < count) return false;
    }
    return true;
  });
  page = await envoy.prometheus();
});
afterAll(async () => {
  await envoy.stop();
  await stage.stop();
});

describe("/stats/prometheus", () => {
  const value = (name: string, labels: Record<string, string>): number | undefined =>
    samples(page).find((sample) => sample.name === name && Object.entries(labels).every(([key, is]) => sample.labels[key] === is))?.value;

  test("counts what was routed, tagged with its pool", () => {
    expect(value("ringway_routed", { pool: "presence" })).toBe(4);
    expect(value("ringway_routed", { pool: "gateway" })).toBe(1);
    expect(value("ringway_routed", { pool: "channel" })).toBeGreaterThan(32);
    expect(value("ringway_routed", { pool: "link" })).toBe(1);
    expect(samples(page).filter(({ name }) => /^ringway_routed_/.test(name))).toEqual([]);
  });

  test("shows refusals, the epoch and the feed", () => {
    expect(value("ringway_bad_id", {})).toBe(1);
    expect(value("ringway_epoch", {})).toBe(epoch);
    expect(value("ringway_feed_age_ms", {})).toBeLessThan(10_000);
    expect(value("ringway_topology_adopted", {})).toBeGreaterThan(0);
  });

  test("shows the misdirected, which Envoy counts: by pool those that it retried, and apart from them those that reached the caller", () => {
    const misdirected = { envoy_cluster_name: "channel", envoy_response_code: "421" };
    expect(value("envoy_cluster_retry_upstream_rq", misdirected)).toBe(1);
    expect(link).toBe(421); // a link is to one server and to no other
    expect(value("envoy_cluster_upstream_rq", misdirected)).toBe(1);
    expect(nobody).toBe(503); // the list is used up: that is Envoy's own answer
    expect(value("envoy_cluster_retry_upstream_rq", { ...misdirected, envoy_cluster_name: "presence" })).toBe(2);
    expect(value("envoy_cluster_upstream_rq", { ...misdirected, envoy_cluster_name: "presence" })).toBeUndefined();
    expect(samples(page).filter(({ name }) => /misdirected/.test(name))).toEqual([]);
  });
});

const isOfServices = (expr: string): boolean => /\bringway_(?:\(|channel_|presence_|gateway_|webapp_|charm_)|\bnodejs_/.test(expr);

describe("the Grafana dashboard", async () => {
  interface Panel {
    readonly title: string;
    readonly targets: { readonly expr: string }[];
  }
  const dashboard = JSON.parse(await readFile(join(root, "envoy/grafana/ringway.json"), "utf8")) as {
    panels: Panel[];
    templating: { list: { name: string; query: unknown }[] };
  };
  // Those of the services' own metrics are held against their tables (test/docs.test.ts).
  const panels = dashboard.panels.filter(({ targets }) => targets.every(({ expr }) => !isOfServices(expr)));
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const queries = [...expressions, ...dashboard.templating.list.map(({ query }) => JSON.stringify(query))];
  /** Metric names: what begins like one, where label names (in selectors and after `by`) are taken out. */
  const metrics = new Set(queries.flatMap((query) => query.replaceAll(/\{[^}]*\}|by \([^)]*\)/g, "").match(/\b(?:ringway|envoy)_\w+/g) ?? []));

  test("asks for nothing that a running Envoy does not show", () => {
    const shown = new Set(samples(page).map(({ name }) => name));
    expect(metrics.size).toBeGreaterThan(15);
    expect([...metrics].filter((name) => !shown.has(name))).toEqual([]);
  });

  test("leaves out nothing that the filter counts", () => {
    const counted = new Set(samples(page).map(({ name }) => name).filter((name) => name.startsWith("ringway_")));
    expect([...counted].filter((name) => !metrics.has(name))).toEqual([]);
  });

  test("selects and groups by labels that these metrics carry", () => {
    const labels = new Set(samples(page).flatMap(({ labels }) => Object.keys(labels)));
    const used = expressions.flatMap((expr) => [
      ...[...expr.matchAll(/(\w+)=~?"/g)].map((match) => match[1]!),
      ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap((match) => match[1]!.split(", ")),
    ]);
    expect([...new Set(used)].filter((label) => label !== "instance" && !labels.has(label))).toEqual([]); // Prometheus adds `instance` itself
  });

  test("has panels with titles of their own, a rate for each counter, and closed brackets", () => {
    const titles = dashboard.panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    const counters = new Set([...page.matchAll(/^# TYPE (\w+) counter$/gm)].map((match) => match[1]!));
    for (const expr of expressions) {
      const name = expr.match(/\b(?:ringway|envoy)_\w+(?=\{)/)![0];
      expect([expr, /\b(?:rate|increase)\(/.test(expr)]).toEqual([expr, counters.has(name) || name.endsWith("_bucket")]);
      expect(expr.split("(").length).toBe(expr.split(")").length);
    }
  });
});

describe("the access log", () => {
  /** The line of the request with this path, as soon as Envoy has written it. */
  async function line(path: string): Promise<Record<string, unknown>> {
    let found: Record<string, unknown> | undefined;
    await until(() => {
      const lines = envoy.printed.split("\n").filter((text) => text.endsWith("}"));
      found = lines.map((text) => JSON.parse(text) as Record<string, unknown>).find((entry) => entry["path"] === path);
      return found !== undefined;
    });
    return found!;
  }

  test("names slot, epoch, the list and who took it: here the second, after the first said 421", async () => {
    const [first, second] = stage.preference("channel", "C1");
    const slot = second!.requests.at(-1)!.headers["x-ringway-slot"];
    expect(slot).toMatch(/^\d+$/);
    expect(await line("/v1/channels/C1?misdirected")).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      method: "GET",
      path: "/v1/channels/C1?misdirected",
      status: 200,
      flags: "-",
      duration_ms: expect.any(Number),
      slot,
      epoch: String(epoch),
      preference: `${first!.addr},${second!.addr}`,
      upstream: second!.addr,
      attempts: 2,
      owner: second!.id,
      reason: null,
    });
  });

  test("names the reason where the filter answered itself, and nothing that the client forged", async () => {
    expect(await line("/v1/channels/a%2Fb")).toMatchObject({ status: 400, slot: null, epoch: null, upstream: null, reason: "bad_id" });
  });
});
