import { expect, test } from "vitest";
import { createLog } from "./log.ts";
import { currentTrace, readTracing, startTracer, within } from "./tracing.ts";

const log = createLog("test", "test", "silent");
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

test("traces are off unless a collector is named, and where the standard variables say so", async () => {
  for (const env of [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, { ...endpoint, OTEL_SDK_DISABLED: "true" }, { ...endpoint, OTEL_TRACES_EXPORTER: "none" }]) expect(readTracing(env)).toBeUndefined();
  expect(await startTracer("gateway", "gw-0", log, {})).toBeUndefined();
  expect(readTracing(endpoint)).toEqual({ sampler: "parentbased_always_on", ratio: 1, scheduleMs: 5_000 });
  expect(readTracing({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/v1/traces", OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.01" })).toMatchObject({ sampler: "traceidratio", ratio: 0.01 });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "the collector's endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) 'collector:4318' is not an http:// or https:// URL"],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: "zipkin" }, "OTEL_TRACES_EXPORTER 'zipkin' is not known: otlp or none"],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "OTEL_EXPORTER_OTLP_PROTOCOL 'grpc' is not spoken here: http/json"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER: "often" }, "OTEL_TRACES_SAMPLER 'often' is not known: one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio"],
  [{ ...endpoint, OTEL_TRACES_SAMPLER_ARG: "2" }, "OTEL_TRACES_SAMPLER_ARG '2' is not a number from 0 to 1"],
  [{ ...endpoint, OTEL_BSP_SCHEDULE_DELAY: "soon" }, "OTEL_BSP_SCHEDULE_DELAY 'soon' is not a number from 10 to 600000"],
])("a variable that is wrong is named: %o", (env, why) => {
  expect(() => readTracing(env)).toThrow(why);
});

test("a span goes on with its parent's trace and its sampling, and begins one where the parent is none", async () => {
  const tracer = (await startTracer("gateway", "gw-0", log, { ...endpoint, OTEL_TRACES_SAMPLER: "parentbased_always_off" }))!;
  const traceId = "ab".repeat(16);
  const flagsOf = (parent: string): string => /^00-([0-9a-f]{32})-[0-9a-f]{16}-(0[01])$/.exec(tracer.begin("x", "internal", parent).traceparent)!.slice(1).join(" ");
  expect(flagsOf(`00-${traceId}-${"cd".repeat(8)}-01`)).toBe(`${traceId} 01`);
  expect(flagsOf(`00-${traceId}-${"cd".repeat(8)}-00`)).toBe(`${traceId} 00`);
  for (const none of ["", "garbage", `00-${traceId}-short-01`]) expect(flagsOf(none)).toMatch(/^(?!(ab){16})[0-9a-f]{32} 00$/);
  await tracer.stop();
});

test("what runs within a span knows its trace, over promises too, and nothing else does", async () => {
  await within("00-a-b-01", async () => {
    await Promise.resolve();
    expect(currentTrace()).toBe("00-a-b-01");
  });
  expect(currentTrace()).toBe("");
});
