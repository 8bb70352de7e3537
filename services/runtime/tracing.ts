/**
 * Traces by OpenTelemetry: off unless the standard variables name a collector (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 * The only importer of its packages, and only where it is on.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanContext } from "@opentelemetry/api";
import type { TracerProvider } from "@opentelemetry/sdk-trace";
import { UsageError } from "./flags.ts";
import type { Log } from "./log.ts";
import { parseTraceParent } from "./trace.ts";

/** Spans that wait for the collector; more are dropped. */
const waitingMost = 2_048;
/** How long a stop waits for the collector, ms. */
const stopWithinMs = 1_000;
const scheduleMs = 5_000;

export type Attributes = Readonly<Record<string, string | number | boolean>>;
export type Kind = "server" | "producer" | "consumer" | "internal";

export interface Span {
  /** what others take as their parent */
  readonly traceparent: string;
  /** @param failed why it came to nothing */
  end(attributes?: Attributes, failed?: string): void;
}

export interface Tracer {
  /**
   * @param parent a `traceparent`; "" or another text: a trace begins
   * @param atMs since the epoch; default: now
   * @param linked the `traceparent` of what it has to do with, though it is no part of that
   */
  begin(name: string, kind: Kind, parent: string, atMs?: number, linked?: string): Span;
  /** One that is over. Times are ms since the epoch. */
  record(name: string, kind: Kind, parent: string, fromMs: number, untilMs: number, attributes: Attributes): void;
  /** Tells the collector what waits, for a second at most. */
  stop(): Promise<void>;
}

type Env = Readonly<Record<string, string | undefined>>;

const samplers = ["always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"] as const;

interface Settings {
  readonly sampler: (typeof samplers)[number];
  readonly ratio: number;
  readonly scheduleMs: number;
}

/** @returns undefined where traces are off @throws UsageError that names the variable */
export function readTracing(env: Env): Settings | undefined {
  const endpoint = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  if (endpoint === undefined || endpoint === "" || env["OTEL_SDK_DISABLED"] === "true" || env["OTEL_TRACES_EXPORTER"] === "none") return undefined;
  if (!/^https?:\/\/[^\s/]+/.test(endpoint)) throw new UsageError(`the collector's endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) '${endpoint}' is not an http:// or https:// URL`);
  const exporter = env["OTEL_TRACES_EXPORTER"] || "otlp";
  if (exporter !== "otlp") throw new UsageError(`OTEL_TRACES_EXPORTER '${exporter}' is not known: otlp or none`);
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"] || "http/json";
  if (protocol !== "http/json") throw new UsageError(`OTEL_EXPORTER_OTLP_PROTOCOL '${protocol}' is not spoken here: http/json`);
  const wanted = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const sampler = samplers.find((name) => name === wanted);
  if (sampler === undefined) throw new UsageError(`OTEL_TRACES_SAMPLER '${wanted}' is not known: one of ${samplers.join(", ")}`);
  return { sampler, ratio: number(env, "OTEL_TRACES_SAMPLER_ARG", 1, 0, 1), scheduleMs: number(env, "OTEL_BSP_SCHEDULE_DELAY", scheduleMs, 10, 600_000) };
}

function number(env: Env, name: string, otherwise: number, min: number, max: number): number {
  const given = env[name];
  if (given === undefined || given === "") return otherwise;
  const value = Number(given);
  if (!(value >= min && value <= max)) throw new UsageError(`${name} '${given}' is not a number from ${min} to ${max}`);
  return value;
}

const current = new AsyncLocalStorage<string>();

/** The `traceparent` of what this is part of, see `within`; "" where nobody traces. */
export function currentTrace(): string {
  return current.getStore() ?? "";
}

/** Runs it as a part of that trace: what it asks of other services belongs to it. */
export function within<T>(traceparent: string, run: () => T): T {
  return current.run(traceparent, run);
}

/**
 * @param service its role; `OTEL_SERVICE_NAME` names it otherwise
 * @returns undefined where traces are off
 * @throws UsageError
 */
export async function startTracer(service: string, id: string, log: Log, env: Env = process.env): Promise<Tracer | undefined> {
  const settings = readTracing(env);
  if (settings === undefined) return undefined;
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([import("@opentelemetry/api"), import("@opentelemetry/sdk-trace"), import("@opentelemetry/exporter-trace-otlp-http"), import("@opentelemetry/resources")]);
  let said = "";
  const once = (message: string): void => {
    if (message !== said) log.warn({ cause: (said = message).slice(0, 500) }, "traces don't reach their collector");
  };
  api.diag.setLogger({ error: once, warn() {}, info() {}, debug() {}, verbose() {} }, api.DiagLogLevel.ERROR);
  const root = { always_on: new sdk.AlwaysOnSampler(), always_off: new sdk.AlwaysOffSampler(), traceidratio: new sdk.TraceIdRatioBasedSampler(settings.ratio) }[settings.sampler.replace("parentbased_", "") as "always_on" | "always_off" | "traceidratio"];
  const provider: TracerProvider = new sdk.TracerProvider({
    resource: resources
      .resourceFromAttributes({ "service.name": env["OTEL_SERVICE_NAME"] || `ringway-${service}`, "service.instance.id": id })
      .merge(resources.detectResources({ detectors: [resources.resourceAttributesEnvDetector] })),
    sampler: settings.sampler.startsWith("parentbased_") ? new sdk.ParentBasedSampler({ root }) : root,
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter: new OTLPTraceExporter(), maxQueueSize: waitingMost, scheduledDelayMillis: settings.scheduleMs })],
  });
  const tracer = provider.getTracer("ringway");
  const kinds = { server: api.SpanKind.SERVER, producer: api.SpanKind.PRODUCER, consumer: api.SpanKind.CONSUMER, internal: api.SpanKind.INTERNAL } as const;
  const contextOf = (traceparent: string): SpanContext | undefined => {
    const parts = parseTraceParent(traceparent);
    return parts === undefined ? undefined : { ...parts, isRemote: true };
  };
  const parentOf = (traceparent: string) => {
    const context = contextOf(traceparent);
    return context === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, context);
  };
  return {
    begin(name, kind, parent, atMs, linked = "") {
      const context = contextOf(linked);
      const span = tracer.startSpan(name, { kind: kinds[kind], ...(atMs === undefined ? {} : { startTime: atMs }), ...(context === undefined ? {} : { links: [{ context }] }) }, parentOf(parent));
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
        end(attributes = {}, failed) {
          span.setAttributes(attributes);
          if (failed !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: failed });
          span.end();
        },
      };
    },
    record(name, kind, parent, fromMs, untilMs, attributes) {
      tracer.startSpan(name, { kind: kinds[kind], startTime: fromMs, attributes }, parentOf(parent)).end(Math.max(fromMs, untilMs));
    },
    async stop() {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([provider.shutdown().catch((error: Error) => once(error.message)), new Promise((resolve) => (timer = setTimeout(resolve, stopWithinMs)))]);
      clearTimeout(timer);
    },
  };
}
