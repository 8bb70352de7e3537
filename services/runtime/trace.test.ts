import { expect, test } from "vitest";
import { traceMarks } from "./trace.ts";

test("a log line names Envoy's request ID and the trace, where they are what they should be", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  expect(traceMarks({ "x-request-id": "9f2c-1", traceparent: `00-${traceId}-b7ad6b7169203331-01` })).toEqual({ requestId: "9f2c-1", traceId });
  expect(traceMarks({})).toEqual({});
  expect(traceMarks({ "x-request-id": "a\nb", traceparent: "00-short" })).toEqual({});
  expect(traceMarks({ "x-request-id": "x".repeat(101) })).toEqual({});
});
