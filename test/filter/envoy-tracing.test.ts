/** `envoy/examples/tracing.yaml` in the shipped configuration: it is valid as it stands, and who decides what is traced is who should. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Envoy } from "./envoy.ts";
import { Stage } from "./stage.ts";
import { ask } from "./upstream.ts";
import { at, document, named, set, type Mapping } from "./yaml.ts";

const manager = ["filter_chains", 0, "filters", 0, "typed_config"];
const stage = new Stage();
let envoy: Envoy;

beforeAll(async () => {
  await stage.start();
  const bootstrap = await document("envoy/envoy.yaml");
  const { tracing, clusters } = await document("envoy/examples/tracing.yaml");
  const listeners = at(bootstrap, "static_resources", "listeners");
  for (const name of ["edge", "mesh"]) set(named(listeners, name), manager, "tracing", tracing!);
  (at(bootstrap, "static_resources", "clusters") as Mapping[]).push(...(clusters as Mapping[]));
  const mutations = at(named(listeners, "edge"), ...manager, "early_header_mutation_extensions", 0, "typed_config", "mutations");
  (mutations as Mapping[]).push({ remove: "traceparent" }, { remove: "tracestate" });
  envoy = await stage.envoy(bootstrap);
});
afterAll(async () => {
  await envoy.stop();
  await stage.stop();
});

/** The parts of a `traceparent`. */
function parseTrace(traceparent: string): { readonly traceId: string; readonly spanId: string; readonly isSampled: boolean } | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? [];
  return traceId === undefined ? undefined : { traceId, spanId: spanId!, isSampled: flags === "01" };
}

/** @returns the `traceparent` with which it came to the server behind */
async function passed(host: string, path: string, traceparent: string): Promise<string> {
  await ask(host, path, { headers: traceparent === "" ? {} : { traceparent, tracestate: "vendor=1" } });
  const server = path.startsWith("/api/") ? stage.webapp : stage.preference("channel", "C1")[0]!;
  const last = server.requests.at(-1)!;
  expect(last.path).toBe(path);
  return String(last.headers["traceparent"]);
}

const traceId = "0af7651916cd43dd8448eb211c80319c";

test.each(["01", "00"])("a service's traceparent (%s) is passed on by the mesh as it says, with Envoy's span in its place", async (flags) => {
  await stage.answers(stage.preference("channel", "C1")[0]!, envoy.mesh, "/v1/channels/C1?warm");
  const trace = parseTrace(await passed(envoy.mesh, "/v1/channels/C1?mesh", `00-${traceId}-b7ad6b7169203331-${flags}`))!;
  expect([trace.traceId, trace.isSampled]).toEqual([traceId, flags === "01"]);
  expect(trace.spanId === "b7ad6b7169203331").toBe(false);
});

test("of what comes without one, one in a hundred is sampled", async () => {
  let sampled = 0;
  for (let i = 0; i < 60; i++) sampled += parseTrace(await passed(envoy.mesh, "/v1/channels/C1?none", ""))!.isSampled ? 1 : 0;
  expect(sampled).toBeLessThan(12);
});

test("a stranger's traceparent does not pass an edge that is told so", async () => {
  expect(parseTrace(await passed(envoy.edge, "/api/api.test?edge", `00-${traceId}-b7ad6b7169203331-01`))!.traceId).not.toBe(traceId);
  expect(stage.webapp.requests.at(-1)!.headers["tracestate"] ?? "").toBe("");
});
