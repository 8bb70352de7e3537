/** Traces of a real plane, as a collector gets them: from Envoy or a client through webapp and gateway to the owner, and on to the readers' gateways. */
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Envoy } from "../filter/envoy.ts";
import { at, document, named, set } from "../filter/yaml.ts";
import { call, connectRtm, type Rtm } from "./client.ts";
import { people } from "./people.ts";
import { isAlive, usePlane } from "./plane.ts";
import { freePorts } from "./ports.ts";
import { until } from "./wait.ts";

interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string; readonly intValue?: number } }[];
}

interface Told {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: Span["attributes"] }; readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, "service">[] }[] }[];
}

/** What an OpenTelemetry collector is to the plane. Envoy's own spans come in another encoding; that they come is counted. */
class Collector {
  readonly port: number;
  readonly spans: Span[] = [];
  texts = "";
  fromEnvoy = 0;
  readonly #server: Server;

  constructor(port: number) {
    this.port = port;
    this.#server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        if (req.headers["content-type"] === "application/json") this.#take(Buffer.concat(chunks).toString("utf8"));
        else this.fromEnvoy++;
        res.setHeader("content-type", String(req.headers["content-type"]));
        res.end(req.headers["content-type"] === "application/json" ? "{}" : "");
      });
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  of(traceId: string): readonly Span[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  #take(text: string): void {
    this.texts += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Told).resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => ({ ...span, service })));
    }
  }
}

const collector = new Collector(await freePorts(1));
beforeAll(() => collector.listen());
const plane = usePlane({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`, OTEL_BSP_SCHEDULE_DELAY: "100" } });
const open: Rtm[] = [];
let envoy: Envoy | undefined;
afterEach(async () => {
  for (const rtm of open.splice(0)) await rtm.close();
});
afterAll(async () => {
  await envoy?.stop();
  await collector.close();
});

async function connect(token: string): Promise<Rtm> {
  const rtm = await connectRtm(plane().url, token);
  open.push(rtm);
  return rtm;
}

/** `service: name` of each span with its parent's name, in the order of their beginning. */
const story = (spans: readonly Span[]): string[] =>
  [...spans]
    .sort((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))
    .map(({ service, name, parentSpanId }) => `${service}: ${name} < ${spans.find(({ spanId }) => spanId === parentSpanId)?.name ?? "somebody else"}`);

const secret = `a secret ${randomBytes(8).toString("hex")}`;

test("a message by the Web API: its caller's trace goes on through webapp and owner to the reader's gateway, and holds nothing of its text", async () => {
  await connect(people.grace.token);
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  const answer = await fetch(`${plane().url}/api/chat.postMessage`, {
    method: "POST",
    headers: { authorization: `Bearer ${people.ada.token}`, "content-type": "application/json", traceparent: `00-${traceId}-${spanId}-01` },
    body: JSON.stringify({ channel: "C0GENERAL", text: secret }),
  });
  expect(await answer.json()).toMatchObject({ ok: true });
  const spans = await until("the trace's three spans", () => (collector.of(traceId).length >= 3 ? collector.of(traceId) : undefined));
  expect(story(spans)).toEqual(["ringway-webapp: api chat.postMessage < somebody else", "ringway-channel: append < api chat.postMessage", "ringway-gateway: deliver < api chat.postMessage"]);
  expect(spans.find(({ name }) => name.startsWith("api"))!.parentSpanId).toBe(spanId);
  expect(collector.texts).not.toContain(secret);
});

test("a message by a socket: its gateway begins a trace, which ends at the ack; append and deliver are its parts", async () => {
  const [ada] = [await connect(people.ada.token), await connect(people.grace.token)];
  const ack = await ada.ask({ type: "message", channel: "C0GENERAL", text: secret });
  const append = await until("the span of its append", () => collector.spans.find(({ name, attributes }) => name === "append" && attributes.some(({ key, value }) => key === "ringway.offset" && value.intValue === ack["x_off"])));
  const spans = await until("the whole trace", () => (collector.of(append.traceId).length >= 3 ? collector.of(append.traceId) : undefined));
  expect(new Set(story(spans))).toEqual(new Set(["ringway-gateway: publish < somebody else", "ringway-channel: append < publish", "ringway-gateway: deliver < publish"]));
  expect(spans.find(({ name }) => name === "publish")!.parentSpanId).toBeUndefined();
  expect(collector.texts).not.toContain(secret);
});

test("an Envoy with envoy/examples/tracing.yaml begins a trace that webapp goes on with", async () => {
  const { tracing, clusters } = await document("envoy/examples/tracing.yaml");
  set(tracing!, ["provider", "typed_config", "sampler", "typed_config", "wrapped_sampler", "typed_config", "sampling_percentage"], "numerator", 100);
  set(named(clusters!, "collector"), ["load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address"], "socket_address", { address: "127.0.0.1", port_value: collector.port });
  const bootstrap = await document("envoy/edge.yaml");
  set(bootstrap, ["admin", "address", "socket_address"], "port_value", 0);
  const listener = named(at(bootstrap, "static_resources", "listeners"), "edge");
  set(listener, ["address", "socket_address"], "port_value", 0);
  set(listener, ["filter_chains", 0, "filters", 0, "typed_config"], "tracing", tracing!);
  const own = at(bootstrap, "static_resources", "clusters");
  (own as unknown as unknown[]).push(named(clusters!, "collector"));
  for (const name of ["charm", "webapp"]) set(named(own, name), ["load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address"], "port_value", Number(plane().addressOf(name).split(":")[1]));
  envoy = await Envoy.run(JSON.stringify(bootstrap));
  const { edge } = envoy;
  await until("an answer through it", async () => (await fetch(`http://${edge}/api/api.test`)).ok);
  const seen = collector.spans.length;
  await call(`http://${edge}`, people.ada.token, "auth.test");
  await until("a span of webapp with a parent that is Envoy's", () => collector.spans.slice(seen).find(({ name, parentSpanId }) => name === "api auth.test" && parentSpanId !== undefined));
  await until("Envoy's own span", () => collector.fromEnvoy > 0);
});

test("a collector that is gone costs no message", async () => {
  const { processes } = await plane().file();
  await collector.close();
  const ada = await connect(people.ada.token);
  for (let i = 0; i < 20; i++) expect(await ada.ask({ type: "message", channel: "C0GENERAL", text: `nobody collects ${i}` })).toMatchObject({ ok: true });
  const log = await until("a word of it in the log", async () => (await plane().logs()).split("\n").find((line) => line.includes("traces don't reach their collector")));
  expect(log).toContain("cause");
  expect(processes.filter(({ pid }) => pid === null || !isAlive(pid))).toEqual([]);
  await collector.listen();
});
