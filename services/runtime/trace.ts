/** By which marks a request is found again in other logs. */
import type { IncomingHttpHeaders } from "node:http";

export interface TraceMarks {
  /** Envoy's, the same in its access log */
  readonly requestId?: string;
  /** of W3C Trace Context (https://www.w3.org/TR/trace-context/#traceparent-header), where somebody in front traces */
  readonly traceId?: string;
}

const parentShape = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What a `traceparent` names; undefined where it is none. */
export function parseTraceParent(text: string): { readonly traceId: string; readonly spanId: string; readonly traceFlags: number } | undefined {
  const [, traceId, spanId, flags] = parentShape.exec(text) ?? [];
  return traceId === undefined ? undefined : { traceId, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16) };
}

/** Whether the trace is recorded: others need not hear of one that is not. */
export function isSampled(traceparent: string): boolean {
  return ((parseTraceParent(traceparent)?.traceFlags ?? 0) & 1) === 1;
}

/** The request's `traceparent`; "" where there is none, or one of another shape. */
export function traceParent(headers: IncomingHttpHeaders): string {
  const given = headers["traceparent"];
  return typeof given === "string" && parentShape.test(given) ? given : "";
}

/** What a log line says of the request that it is about; headers of another shape are passed over. */
export function traceMarks(headers: IncomingHttpHeaders): TraceMarks {
  const requestId = headers["x-request-id"];
  const traceId = parseTraceParent(traceParent(headers))?.traceId;
  return {
    ...(typeof requestId === "string" && /^[\w.:-]{1,100}$/.test(requestId) ? { requestId } : {}),
    ...(traceId === undefined ? {} : { traceId }),
  };
}
