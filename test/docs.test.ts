/** Pages of docs/ that are made from the code: `npx vitest run test/docs.test.ts -u` writes them, and here they must be what the code says. */
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { table as channel } from "../services/channel/metrics.ts";
import { table as charm } from "../services/charm/metrics.ts";
import { table as console_ } from "../services/console/metrics.ts";
import { table as gateway } from "../services/gateway/metrics.ts";
import { table as presence } from "../services/presence/metrics.ts";
import type { Table } from "../services/runtime/metrics.ts";
import { timesBoundsMs } from "../services/runtime/times.ts";
import { table as webapp } from "../services/webapp/metrics.ts";

const services: Readonly<Record<string, Table>> = { channel, gateway, presence, webapp, charm, console: console_ };

test("every metric is in docs/metrics.md, with its unit and its meaning", async () => {
  const pages = Object.entries(services).map(([service, table]) => {
    const rows = Object.entries(table).map(([name, { type, help, label }]) => `| \`ringway_${service}_${name}${label === undefined ? "" : `{${label}}`}\` | ${type} | ${help} |`);
    return [`## ${service}`, "", "| name | type | |", "|---|---|---|", ...rows, ""].join("\n");
  });
  const intro = `# Metrics

<!-- Made from services/*/metrics.ts by test/docs.test.ts; to change it, change those and run \`npx vitest run test/docs.test.ts -u\`. -->

Every service answers \`GET /metrics\` at its own address (charm's, webapp's and the console's, too) in the format of Prometheus; the edge does not show it. Beside what is below there are
prom-client's \`process_*\` and \`nodejs_*\`: CPU, memory, the event loop's delay, garbage collection. Envoy's own and the filter's are in [envoy/README.md](../envoy/README.md#what-there-is-to-see).

Units are in the names: \`_seconds\`, \`_bytes\`, \`_ratio\` (of 1), \`_total\` (rises from the process's start). No label has more than a few values. Histograms have the bounds ${timesBoundsMs.map((ms) => ms / 1_000).join(", ")} s.
`;
  await expect([intro, ...pages].join("\n")).toMatchFileSnapshot("../docs/metrics.md");
});

test.each(Object.entries(services))("the names of %s say their unit, and a counter that it is one", (_service, table) => {
  for (const [name, { type }] of Object.entries(table)) {
    expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(name.endsWith("_seconds"), name).toBe(type === "histogram");
  }
});

const names = new Set(Object.entries(services).flatMap(([service, table]) => Object.keys(table).map((name) => `ringway_${service}_${name}`)));
/** Names of services' metrics in an expression of Prometheus'. */
const askedFor = (expr: string): string[] =>
  [...expr.matchAll(/ringway_(?:\(([a-z|]+)\)|(channel|presence|gateway|webapp|charm))_([a-z_]+)/g)].flatMap(([, several, one, rest]) => (several?.split("|") ?? [one!]).map((service) => `ringway_${service}_${rest!.replace(/_bucket$/, "")}`));

test("the dashboard asks the services for what they show", async () => {
  const { panels } = JSON.parse(await readFile("envoy/grafana/ringway.json", "utf8")) as { panels: { title: string; targets: { expr: string }[] }[] };
  const asked = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => askedFor(expr)));
  expect(new Set(asked).size).toBeGreaterThan(15);
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
});

test("every alert asks for metrics that there are, and the operator is told what to do", async () => {
  const { groups } = parse(await readFile("envoy/prometheus/alerts.yaml", "utf8")) as { groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  const operations = await readFile("docs/operations.md", "utf8");
  expect(rules.length).toBeGreaterThan(10);
  for (const { alert, expr } of rules) {
    const asked = askedFor(expr);
    expect(asked.length > 0 || expr.includes("up{"), alert).toBe(true);
    for (const name of asked) expect(names, alert).toContain(name);
    expect(operations).toContain(`| ${alert} |`);
  }
});

test("every link between the documents leads somewhere", async () => {
  const files = ["README.md", "CHANGELOG.md", "envoy/README.md", "client/README.md", ...(await readdir("docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`), ...(await readdir("docs/decisions")).map((name) => `docs/decisions/${name}`)];
  const anchors = (text: string): Set<string> => new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")));
  const broken: string[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8");
    for (const [, target] of text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = target!.split("#") as [string, string?];
      const to = path === "" ? file : join(dirname(file), path);
      const found = await stat(to).catch(() => undefined);
      if (found === undefined || (anchor !== undefined && !anchors(await readFile(to, "utf8")).has(anchor))) broken.push(`${file} → ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
